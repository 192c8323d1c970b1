// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/base/error.hpp>

#include <boost/asio/ip/tcp.hpp>

#include <sys/socket.h>
#include <sys/uio.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

namespace millipede::detail {

/// What one read or write brought. A read of 0 bytes without an error is the end of the stream.
struct io_result {
    std::size_t size = 0;
    error_code code{};

    bool would_block() const noexcept { return code == boost::system::errc::operation_would_block; }
};

/// What became possible with a transport; values combine.
enum class edge : std::uint8_t { readable = 1, writable = 2, hangup = 4 };
constexpr edge operator|(edge a, edge b) noexcept {
    return static_cast<edge>(static_cast<std::uint8_t>(a) | static_cast<std::uint8_t>(b));
}
constexpr bool has(edge set, edge wanted) noexcept {
    return (static_cast<std::uint8_t>(set) & static_cast<std::uint8_t>(wanted)) != 0;
}

/// The seam between a connection and what carries its bytes. A plain socket in the worker's epoll
/// set is the common case and needs no object: the functions below serve it by its descriptor.
/// Everything else (an Asio stream, TLS, a faulty stream in a test) is an object of this type that
/// behaves like a non-blocking socket in an edge-triggered set:
///
/// - `read` and `write` never wait; they answer `operation_would_block` and later announce an edge;
/// - a read that brings less than it could hold has drained the input: an edge announces more;
/// - an edge is announced from the worker's io_context, never from inside a call.
///
/// One thread: the worker's.
class transport {
  public:
    virtual ~transport() = default;

    /// Begins to announce edges.
    virtual void start(std::function<void(edge)> announce) = 0;
    virtual io_result read(std::span<std::byte> room) = 0;
    virtual io_result write(std::span<iovec const> buffers) = 0;
    /// Whether all that `write` took has left; when it has, after it had not: a writable edge.
    virtual bool flushed() const = 0;
    /// Ends the output: the peer reads end of stream. Only once `flushed()`.
    virtual void shutdown_write() = 0;
    /// Ends it all; output not taken yet may be lost. No edge is announced any more.
    virtual void close() = 0;
    virtual boost::asio::ip::tcp::endpoint remote_endpoint(error_code& code) const = 0;
};

/// What became of a system call that answered `size`.
inline io_result io_result_of(ssize_t size) noexcept {
    if (size >= 0) return {static_cast<std::size_t>(size), {}};
    return {0, error_code{errno, boost::system::system_category()}};
}

// Inline, because these two are on the way of every message.
inline io_result socket_read(int descriptor, std::span<std::byte> room) noexcept {
    for (;;) {
        auto size = ::recv(descriptor, room.data(), room.size(), 0);
        if (size >= 0 || errno != EINTR) return io_result_of(size);
    }
}

inline io_result socket_write(int descriptor, std::span<std::byte const> bytes) noexcept {
    for (;;) {
        auto size = ::send(descriptor, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (size >= 0 || errno != EINTR) return io_result_of(size);
    }
}

io_result socket_write(int descriptor, std::span<iovec const> buffers) noexcept;
void socket_shutdown_write(int descriptor) noexcept;
/// Throws away what has arrived so far, up to a megabyte.
void socket_skip_input(int descriptor) noexcept;
/// \param abort with a reset, which frees unsent output at once; else the kernel goes on sending.
void socket_close(int descriptor, bool abort) noexcept;
boost::asio::ip::tcp::endpoint socket_remote_endpoint(int descriptor, error_code& code);

} // namespace millipede::detail
