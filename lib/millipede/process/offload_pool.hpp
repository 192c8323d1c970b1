// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/base/connection_id.hpp>
#include <millipede/base/error.hpp>
#include <millipede/base/log.hpp>
#include <millipede/base/metrics.hpp>
#include <millipede/base/options.hpp>
#include <millipede/process/worker_pool.hpp>
#include <millipede/wire/payload.hpp>
#include <millipede/worker/mailbox.hpp>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string_view>
#include <thread>
#include <vector>

namespace millipede {

/// Which requests of the offload pool wait for one another.
enum class offload_order {
    any,            ///< None: whichever thread is free takes the oldest.
    per_connection, ///< Those of one connection: one thread has them, one after the other.
};

namespace detail {

/// A request on its way: from a worker to a thread of the pool, where it is handled, and back to
/// the worker, as mail with the answer in it.
class offload_request : public mail {
  public:
    explicit offload_request(connection_id id) noexcept : id_{id} {}

    connection_id id() const noexcept { return id_; }

    /// On a thread of the pool: calls the handler. \returns its answer; empty when it has none.
    /// Whatever it throws ends the connection.
    virtual payload handle() = 0;

    /// On the worker's thread: brings the answer.
    void run(worker& recipient) final { recipient.answer(id_, std::move(answer_), failure_); }

  private:
    friend class offload_pool;

    connection_id id_;
    payload answer_;
    error_code failure_;
};

/// Threads for handlers that block, and a bounded queue in front of them. One lock guards all of
/// it: what is worth a thread's while takes longer than that.
class offload_pool {
  public:
    using time_point = std::chrono::steady_clock::time_point;

    /// Starts the threads. \throws std::system_error when the system has none to give.
    offload_pool(worker_pool& workers, options const& limits);
    /// Waits for handlers that run; drops what waits.
    ~offload_pool();
    offload_pool(offload_pool const&) = delete;
    offload_pool& operator=(offload_pool const&) = delete;

    /// Has a request handled, and its connection wait for the answer. The thread of the
    /// connection's worker, in a handler. \returns false when as many wait already as may.
    bool offer(std::unique_ptr<offload_request> request, offload_order order);

    /// When no worker offers anything any more: handles what waits until `cut`, drops the rest,
    /// and waits for handlers that run until `deadline`.
    /// \returns false when one of them still does: its thread cannot be ended.
    bool end(time_point cut, time_point deadline);

    /// Any thread.
    void add_to(metrics& sum) const noexcept { sum += counters_; }

  private:
    struct waiting {
        std::uint64_t ticket; ///< The older goes first, whichever queue it stands in.
        std::unique_ptr<offload_request> request;
    };
    // What one thread has to itself.
    struct lane {
        std::deque<waiting> queue; ///< Requests that only this thread may take.
        std::condition_variable ready;
        bool asleep = false;
        bool lost_thread = false; ///< A handler has ended it.
    };

    void serve(std::uint32_t index);
    std::unique_ptr<offload_request> take(lane& own);
    void handle(std::unique_ptr<offload_request> request);
    void fail(offload_request& request, errc reason, std::string_view what) noexcept;
    void deliver(std::unique_ptr<offload_request> request) noexcept;
    lane& lane_of(connection_id id) noexcept;
    void wake(lane& sleeper) noexcept;
    void wake_any() noexcept;
    void drop_waiting() noexcept;
    void join() noexcept;
    void replace_lost_threads() noexcept;
    void log_refusal(std::uint64_t suppressed) const noexcept;

    worker_pool* workers_;
    std::uint32_t capacity_;
    std::mutex mutex_; // of all that follows
    std::deque<waiting> queue_;
    std::vector<std::unique_ptr<lane>> lanes_; // one per thread
    std::condition_variable changed_;          // for `end`: a request was handled, a thread ended
    std::uint64_t tickets_ = 0;
    std::uint32_t waiting_ = 0; // in all queues
    std::uint32_t running_ = 0;
    std::uint32_t alive_ = 0;
    bool ending_ = false;
    worker_metrics counters_; // written under the lock only
    log_limiter refusals_{1, std::chrono::seconds{1}};
    log_limiter failures_{10, std::chrono::seconds{1}};
    std::vector<std::thread> threads_;
};

} // namespace detail
} // namespace millipede
