// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/base/metrics.hpp>
#include <millipede/base/options.hpp>
#include <millipede/process/thread_stack.hpp>
#include <millipede/process/worker_pool.hpp>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

namespace millipede::detail {

/// The one thread that watches the workers. One that gives no sign of life for `stall_after` gets
/// no newcomers until it does again; the log says once what holds it, for how long, and with which
/// stack. A worker whose thread was ended from within gets another.
///
/// Time is counted in looks, not read off a clock: when the whole process was stopped for a while
/// (SIGSTOP, a debugger, a machine that was put to sleep), no worker is to blame.
class supervisor {
  public:
    /// \param workers outlive it.
    supervisor(options const& limits, worker_pool& workers);
    ~supervisor() { stop(); }
    supervisor(supervisor const&) = delete;
    supervisor& operator=(supervisor const&) = delete;

    /// \throws std::system_error when there is no thread to be had.
    void start();
    /// Before the workers are joined. Once more does nothing.
    void stop() noexcept;

    /// One look at all workers, `since_last` after the last one. The supervisor's thread calls it;
    /// or a test, without that thread.
    void look(std::chrono::nanoseconds since_last);

    worker_metrics const& counters() const noexcept { return counters_; }

  private:
    struct watched {
        std::uint32_t beats = 0;           ///< What the last look found ...
        std::uint64_t messages = 0;        ///< ... and as many messages.
        std::chrono::nanoseconds silent{}; ///< Since it was last seen alive, as counted here ...
        std::chrono::nanoseconds passed{}; ///< ... and by the clock.
        bool busy = false;                 ///< It handled messages between the last two looks.
        bool stalled = false;
        bool told = false; ///< The log has the stall.
        bool revival_failed = false;
    };

    void run();
    void watch(worker& subject, watched& state, std::chrono::nanoseconds since_last);
    void stalls(worker& subject, watched& state);
    void goes_on(worker& subject, watched& state, std::chrono::nanoseconds passed);
    void log_stall(worker& subject, watched& state);
    void log_stack(worker& subject) const;
    void revive(worker& subject, watched& state);
    [[noreturn]] void abort(worker const& subject) const noexcept;

    options const* limits_;
    worker_pool* workers_;
    std::chrono::nanoseconds interval_;
    thread_stack stacks_;
    std::vector<watched> watched_; // by worker
    worker_metrics counters_;
    log_limiter stall_lines_{10, std::chrono::seconds{10}}; // each with a stack
    std::mutex mutex_;
    std::condition_variable wake_;
    bool stopping_ = false; // under the mutex
    std::thread thread_;
};

} // namespace millipede::detail
