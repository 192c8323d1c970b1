// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include <sys/types.h>

namespace load {

// Has the kernel note when what is received comes to this machine. False: it cannot; see errno.
bool stamp_arrivals(int descriptor);

// As receive_some(), and arrived_ns becomes the time, in nanoseconds since 1970, at which the last
// segment of what was received came to this machine: before it waited there for anybody, this
// thread or the kernel's. Now, for a segment without a stamp. Left alone when nothing is received.
::ssize_t receive_stamped(int descriptor, std::span<std::byte> to, std::int64_t& arrived_ns);

std::int64_t since_1970_ns();

} // namespace load
