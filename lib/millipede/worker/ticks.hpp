// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/base/options.hpp>

#include <chrono>
#include <cstdint>

namespace millipede::detail {

/// How often a worker's time goes on: fine enough for the shortest timeout, and not finer than a
/// second for long ones; and so that a connection which waits for its rate is looked after before
/// its bucket runs over.
std::chrono::milliseconds tick_length_for(options const& limits) noexcept;

/// How many ticks of that length are surely not less than `timeout`: one more than it takes, as
/// the beginning is known to the tick only. 0 for a timeout of 0, which is none.
std::uint32_t ticks_of(std::chrono::milliseconds timeout,
                       std::chrono::milliseconds length) noexcept;

} // namespace millipede::detail
