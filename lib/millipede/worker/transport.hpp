// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/base/error.hpp>

#include <boost/asio/ip/tcp.hpp>

#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

namespace millipede::detail {

/// What one read or write brought. A read that is `done` with 0 bytes is the end of the stream.
/// Fits two registers, for it is on the way of every message; whoever learns that it failed asks
/// for the reason at once (`socket_failure`, `transport::failure`).
struct io_result {
    enum class status : std::uint8_t { done, would_block, failed };

    std::size_t size = 0;
    status what = status::done;

    bool would_block() const noexcept { return what == status::would_block; }
    bool failed() const noexcept { return what == status::failed; }
};

/// What became possible with a transport; values combine.
enum class edge : std::uint8_t { readable = 1, writable = 2, hangup = 4 };
constexpr edge operator|(edge a, edge b) noexcept {
    return static_cast<edge>(static_cast<std::uint8_t>(a) | static_cast<std::uint8_t>(b));
}
constexpr edge without(edge set, edge unwanted) noexcept {
    return static_cast<edge>(static_cast<std::uint8_t>(set) & ~static_cast<std::uint8_t>(unwanted));
}
constexpr bool has(edge set, edge wanted) noexcept {
    return (static_cast<std::uint8_t>(set) & static_cast<std::uint8_t>(wanted)) != 0;
}

/// The seam between a connection and what carries its bytes. A plain socket in the worker's epoll
/// set is the common case and needs no object: the functions below serve it by its descriptor.
/// Everything else (an Asio stream, TLS, a faulty stream in a test) is an object of this type that
/// behaves like a non-blocking socket in an edge-triggered set:
///
/// - `read` and `write` never wait; they answer `would_block` and later announce an edge;
/// - a read that brings less than it could hold has drained the input: an edge announces more;
/// - an edge is announced from the worker's io_context, never from inside a call;
/// - nothing but `start` throws: no memory is a failure like others.
///
/// Or it talks through a socket in the worker's own set (`in_readiness_set`), which announces for
/// it; then `start` is not called, and the worker calls `flush` when the socket has room.
///
/// One thread: the worker's.
class transport {
  public:
    virtual ~transport() = default;

    /// Begins to announce edges. \throws std::bad_alloc, boost::system::system_error
    virtual void start(std::function<void(edge)> announce) = 0;
    virtual io_result read(std::span<std::byte> room) = 0;
    virtual io_result write(std::span<iovec const> buffers) = 0;
    /// Why the last `read` or `write` failed.
    virtual error_code failure() const = 0;
    /// Whether all that `write` took has left; when it has, after it had not: a writable edge.
    virtual bool flushed() const = 0;
    /// Ends the output: the peer reads end of stream. Only once `flushed()`.
    virtual void shutdown_write() = 0;
    /// Ends it all; output not taken yet may be lost. No edge is announced any more.
    virtual void close() = 0;
    virtual boost::asio::ip::tcp::endpoint remote_endpoint(error_code& code) const = 0;

    // What most streams have no use for.

    /// What both sides say to one another before the first byte: `done`, or `would_block` until
    /// there is input.
    virtual io_result handshake() { return {}; }
    /// Whether another read would bring something although the last one did not fill its room, and
    /// no edge will say so.
    virtual bool has_more() const { return false; }
    /// Sends what `write` took and the socket did not. Whether any of it has left now.
    virtual bool flush() { return false; }
    /// Whether a socket in the worker's readiness set stands behind it.
    virtual bool in_readiness_set() const { return false; }
    /// Whether nobody between the two can read along.
    virtual bool encrypts() const { return false; }
    /// Ends it all at once, with a reset where there is one.
    virtual void abort() { close(); }
    /// Gives its socket to the caller and is of no use any more; -1 when it has none.
    virtual int release_socket() { return -1; }
};

/// What became of a system call that answered `size`.
inline io_result io_result_of(long size) noexcept {
    using status = io_result::status;
    if (size >= 0) return {static_cast<std::size_t>(size), status::done};
    return {0, errno == EAGAIN || errno == EWOULDBLOCK ? status::would_block : status::failed};
}

/// Why the last system call of this thread failed.
inline error_code socket_failure() noexcept {
    return {errno, boost::system::system_category()};
}

// The C library's recv() and send() are points at which a thread may be cancelled. To be one costs
// 61 instructions of 77 a call, and nobody cancels a worker's thread; so the kernel is called
// directly. Sanitizers know what the functions do, and keep them.
#if defined(__linux__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
inline long receive_bytes(int descriptor, std::span<std::byte> room) noexcept {
    return ::syscall(SYS_recvfrom, descriptor, room.data(), room.size(), 0, nullptr, nullptr);
}
inline long send_bytes(int descriptor, std::span<std::byte const> bytes) noexcept {
    return ::syscall(SYS_sendto, descriptor, bytes.data(), bytes.size(), MSG_NOSIGNAL, nullptr, 0);
}
#else
inline long receive_bytes(int descriptor, std::span<std::byte> room) noexcept {
    return ::recv(descriptor, room.data(), room.size(), 0);
}
inline long send_bytes(int descriptor, std::span<std::byte const> bytes) noexcept {
    return ::send(descriptor, bytes.data(), bytes.size(), MSG_NOSIGNAL);
}
#endif

// Inline, because these two are on the way of every message.
inline io_result socket_read(int descriptor, std::span<std::byte> room) noexcept {
    for (;;) {
        auto size = receive_bytes(descriptor, room);
        if (size >= 0 || errno != EINTR) return io_result_of(size);
    }
}

inline io_result socket_write(int descriptor, std::span<std::byte const> bytes) noexcept {
    for (;;) {
        auto size = send_bytes(descriptor, bytes);
        if (size >= 0 || errno != EINTR) return io_result_of(size);
    }
}

io_result socket_write(int descriptor, std::span<iovec const> buffers) noexcept;
/// Reads what has come, and leaves it there.
io_result socket_peek(int descriptor, std::span<std::byte> room) noexcept;
void socket_shutdown_write(int descriptor) noexcept;
/// Throws away what has arrived so far, up to a megabyte.
void socket_skip_input(int descriptor) noexcept;
/// \param abort with a reset, which frees unsent output at once; else the kernel goes on sending.
void socket_close(int descriptor, bool abort) noexcept;
/// Ends a connection that has had no service: cleanly, also for a peer that has spoken already, as
/// unread input would make it a reset.
void socket_turn_away(int descriptor) noexcept;
/// With address_family_not_supported for a Unix domain socket, whose peers have no address.
boost::asio::ip::tcp::endpoint socket_remote_endpoint(int descriptor, error_code& code);
/// The same for what the system has named.
boost::asio::ip::tcp::endpoint tcp_endpoint_or(boost::asio::ip::tcp::endpoint const& named,
                                               error_code& code);
/// What those said, for people: ADDR:PORT, "unix", or "unknown" for one that has gone.
std::string peer_name(boost::asio::ip::tcp::endpoint const& peer, error_code const& code);
std::string socket_peer_name(int descriptor);

} // namespace millipede::detail
