// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <string_view>

namespace comet {

/// Whether a user may call himself that: in UTF-8, as it is told to others who take nothing else,
/// and in no more than `bytes_max` bytes. The empty name, which is none, may be.
bool is_user_name(std::string_view name, std::size_t bytes_max) noexcept;

} // namespace comet
