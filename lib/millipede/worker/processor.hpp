// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/base/error.hpp>

#include <cstdint>

namespace millipede::detail {

/// Has the calling thread run on one processor alone: the one of that number among those that it
/// may use now, which are counted in turn. \returns why the system refuses.
error_code pin_this_thread(std::uint32_t number) noexcept;

} // namespace millipede::detail
