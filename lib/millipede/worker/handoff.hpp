// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/base/source_key.hpp>

#include <boost/lockfree/spsc_queue.hpp>

#include <atomic>
#include <cstdint>

namespace millipede::detail {

/// A socket on its way from the acceptor to a worker.
struct accepted_socket {
    int descriptor = -1;
    std::uint32_t protocol = 0; ///< Which of the server's protocols its listener speaks.
    source_key source{};        ///< Known when connections are counted per source.
    std::uint16_t greeting = 0; ///< What its listener asks first, from 1; 0: nothing.
};

/// Brings sockets from the acceptor's thread to one worker's, without locks. The acceptor wakes
/// the worker only when nobody has yet: `push` all, then `must_wake()` once. The worker calls
/// `begin_taking()` first and then takes until there is no more; in that order no socket is missed.
class handoff {
  public:
    explicit handoff(std::uint32_t capacity) : queue_{capacity} {}

    /// Acceptor's thread. False when the queue is full.
    bool push(accepted_socket socket) noexcept { return queue_.push(socket); }
    /// Acceptor's thread. Whether the worker has to be woken for what was pushed.
    bool must_wake() noexcept { return !awake_.exchange(true, std::memory_order_acq_rel); }

    /// Worker's thread.
    void begin_taking() noexcept { awake_.exchange(false, std::memory_order_acq_rel); }
    /// Worker's thread. False when the queue is empty.
    bool take(accepted_socket& socket) noexcept { return queue_.pop(socket); }

  private:
    boost::lockfree::spsc_queue<accepted_socket> queue_;
    std::atomic<bool> awake_{false};
};

} // namespace millipede::detail
