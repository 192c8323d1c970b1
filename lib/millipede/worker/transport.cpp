// SPDX-License-Identifier: BSL-1.0
#include <millipede/worker/transport.hpp>

#include <millipede/base/endpoint.hpp>

#include <boost/asio/error.hpp>

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

namespace millipede::detail {
namespace {

constexpr std::size_t skipped_max = 1024 * 1024;

} // namespace

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
    auto skipped_at_once = ::syscall(SYS_recvfrom, descriptor, nullptr, skipped_max,
                                     MSG_TRUNC | MSG_DONTWAIT, nullptr, nullptr);
    if (skipped_at_once >= 0 || errno != EFAULT) return;
    char buffer[4096]; // others want to copy
    for (std::size_t skipped = 0; skipped < skipped_max; skipped += sizeof buffer)
        if (::recv(descriptor, buffer, sizeof buffer, MSG_DONTWAIT) <= 0) return;
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
    endpoint.resize(size);
    return tcp_endpoint_or(endpoint, code);
}

boost::asio::ip::tcp::endpoint tcp_endpoint_or(boost::asio::ip::tcp::endpoint const& named,
                                               error_code& code) {
    auto family = named.data()->sa_family;
    if (family == AF_INET || family == AF_INET6) {
        code.clear();
        return named;
    }
    code = boost::asio::error::address_family_not_supported;
    return {};
}

std::string peer_name(boost::asio::ip::tcp::endpoint const& peer, error_code const& code) {
    if (code == boost::asio::error::address_family_not_supported) return "unix";
    return code ? "unknown" : to_string(peer);
}

std::string socket_peer_name(int descriptor) {
    error_code code;
    auto peer = socket_remote_endpoint(descriptor, code);
    return peer_name(peer, code);
}

} // namespace millipede::detail
