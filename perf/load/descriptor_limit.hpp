// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>

namespace load {

// Raises the soft limit of open files to the hard one and returns it.
std::uint64_t raise_descriptor_limit();

// Our own: standard streams, epoll sets, wake-ups, and what a launcher left open.
inline constexpr std::uint64_t descriptors_reserved = 64;

} // namespace load
