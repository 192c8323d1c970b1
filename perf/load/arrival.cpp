// SPDX-License-Identifier: BSL-1.0
#include "arrival.hpp"

#include "time.hpp"

#include <cstring>
#include <ctime>

#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace load {

namespace {

std::int64_t nanoseconds(timespec const& time) {
    return std::int64_t{time.tv_sec} * second_ns + time.tv_nsec;
}

} // namespace

std::int64_t since_1970_ns() {
    timespec time{};
    ::clock_gettime(CLOCK_REALTIME, &time);
    return nanoseconds(time);
}

bool stamp_arrivals(int descriptor) {
    int const on = 1;
    return ::setsockopt(descriptor, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on) == 0;
}

::ssize_t receive_stamped(int descriptor, std::span<std::byte> to, std::int64_t& arrived_ns) {
    iovec part{.iov_base = to.data(), .iov_len = to.size()};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(timespec))];
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    auto const received = ::syscall(SYS_recvmsg, descriptor, &message, 0);
    if (received <= 0) return received;
    // The kernel begins to stamp a moment after the first socket has asked for it.
    arrived_ns = 0;
    for (auto* each = CMSG_FIRSTHDR(&message); each != nullptr;
         each = CMSG_NXTHDR(&message, each)) {
        if (each->cmsg_level != SOL_SOCKET || each->cmsg_type != SCM_TIMESTAMPNS) continue;
        timespec stamp{};
        std::memcpy(&stamp, CMSG_DATA(each), sizeof stamp);
        arrived_ns = nanoseconds(stamp);
    }
    if (arrived_ns == 0) arrived_ns = since_1970_ns();
    return received;
}

} // namespace load
