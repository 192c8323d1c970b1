// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <span>

#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace load {

// recv() and send() as the kernel has them. In a program with threads the C library's are points
// of cancellation, which nobody here uses, and that alone was a sixth of a request's instructions.
inline ::ssize_t receive_some(int descriptor, std::span<std::byte> to) {
    return ::syscall(SYS_recvfrom, descriptor, to.data(), to.size(), 0, nullptr, nullptr);
}

inline ::ssize_t send_some(int descriptor, std::span<std::byte const> bytes) {
    return ::syscall(SYS_sendto, descriptor, bytes.data(), bytes.size(), MSG_NOSIGNAL, nullptr, 0);
}

} // namespace load
