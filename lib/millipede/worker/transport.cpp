// SPDX-License-Identifier: BSL-1.0
#include <millipede/worker/transport.hpp>

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

namespace millipede::detail {
io_result socket_write(int descriptor, std::span<iovec const> buffers) noexcept {
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(buffers.data());
    message.msg_iovlen = buffers.size();
    for (;;) {
        auto size = ::sendmsg(descriptor, &message, MSG_NOSIGNAL);
        if (size >= 0 || errno != EINTR) return io_result_of(size);
    }
}

io_result socket_peek(int descriptor, std::span<std::byte> room) noexcept {
    for (;;) {
        auto size = ::recv(descriptor, room.data(), room.size(), MSG_PEEK);
        if (size >= 0 || errno != EINTR) return io_result_of(size);
    }
}

void socket_shutdown_write(int descriptor) noexcept {
    ::shutdown(descriptor, SHUT_WR);
}

void socket_skip_input(int descriptor) noexcept {
    // For TCP, MSG_TRUNC means: take it away, copy nothing (tcp(7)). Past the C library, where
    // ThreadSanitizer would take it for a write to address 0 that two threads are at.
    ::syscall(SYS_recvfrom, descriptor, nullptr, 1024 * 1024, MSG_TRUNC | MSG_DONTWAIT, nullptr,
              nullptr);
}

void socket_close(int descriptor, bool abort) noexcept {
    if (abort) {
        linger reset{1, 0};
        ::setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    }
    ::close(descriptor);
}

void socket_turn_away(int descriptor) noexcept {
    socket_shutdown_write(descriptor);
    socket_skip_input(descriptor);
    socket_close(descriptor, false);
}

boost::asio::ip::tcp::endpoint socket_remote_endpoint(int descriptor, error_code& code) {
    boost::asio::ip::tcp::endpoint endpoint;
    auto size = static_cast<socklen_t>(endpoint.capacity());
    if (::getpeername(descriptor, endpoint.data(), &size) != 0) {
        code.assign(errno, boost::system::system_category());
        return {};
    }
    code.clear();
    endpoint.resize(size);
    return endpoint;
}

} // namespace millipede::detail
