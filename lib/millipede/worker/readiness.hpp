// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/worker/handler_memory.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <sys/epoll.h>

#include <cstdint>
#include <span>

namespace millipede::detail {

/// The set of a worker's sockets: one epoll set, edge-triggered, which the worker's io_context
/// watches as a single descriptor. Asio's own registration would cost 176 bytes per socket and one
/// system call more per message; this way handlers, timers and posts still run on the io_context.
/// One thread.
class readiness {
  public:
    /// \throws boost::system::system_error
    explicit readiness(boost::asio::io_context& context);

    /// Watches a socket for input; `token` comes back with its events. False, with errno set, when
    /// the system refuses (memory, or fs.epoll.max_user_watches).
    bool add(int descriptor, std::uint64_t token) noexcept;
    /// Watches it for output as well, from now on: an edge-triggered set reports output only after
    /// a write found the socket full, so this is never taken back.
    bool add_output(int descriptor, std::uint64_t token) noexcept;

    /// Watches a socket for input and for output.
    bool add_both(int descriptor, std::uint64_t token) noexcept;
    /// Watches it no longer.
    void remove(int descriptor) noexcept;

    /// Collects events without waiting. \returns the filled front of `room`.
    std::span<epoll_event> collect(std::span<epoll_event> room) noexcept;

    /// Calls `handler()` from the io_context once there are events. The wait stands in `memory`.
    template <class Handler>
    void async_wait(handler_memory& memory, Handler handler) {
        set_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                        reserved(memory, [handler](boost::system::error_code code) {
                            if (!code) handler();
                        }));
    }
    void cancel() { set_.cancel(); }

  private:
    boost::asio::posix::stream_descriptor set_;
};

} // namespace millipede::detail
