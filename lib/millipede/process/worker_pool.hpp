// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/base/metrics.hpp>
#include <millipede/base/options.hpp>
#include <millipede/process/command_counts.hpp>
#include <millipede/worker/worker.hpp>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

namespace millipede::detail {

/// All workers of a process, and who gets the next socket.
class worker_pool {
  public:
    worker_pool(options const& limits, std::span<protocol* const> protocols,
                std::span<greeting const> greetings = {});

    /// Has messages counted by command, in half a megabyte per worker. Before the start.
    void count_commands();
    /// How often a message of that command was given to its handler; 0 when nobody counts. Any
    /// thread.
    std::uint64_t messages_of(std::uint16_t command) const noexcept;
    /// Starts all threads. `on_all_ended`, which throws nothing, is called by the last that ends.
    /// \throws std::system_error when there is a thread too few; the others are there by then.
    void start(std::function<void()> on_all_ended);
    /// `on_all_ended` is not to be called any more.
    void disregard_end() noexcept;
    /// Any thread.
    void stop(stop_plan const& plan) noexcept;
    /// At once, within `options::stop_timeout`.
    void stop() noexcept { stop({.deadline = limits_->stop_timeout}); }
    /// Waits until all workers have ended. False when they have not by then.
    bool wait_until(std::chrono::steady_clock::time_point deadline);
    void join();

    /// Who decides on newcomers whose source only their worker learns. Before the start; outlives
    /// the workers' threads.
    void ask_at_the_door(doorkeeper& keeper) noexcept {
        for (auto& worker : workers_)
            worker->ask_at_the_door(keeper);
    }
    /// Hands the socket to the least loaded worker that is not stalled; when all are, to the least
    /// loaded, where it waits for the stall to end. False when that worker is full, or its queue
    /// is. The acceptor's thread.
    bool place(accepted_socket socket);
    /// Wakes the workers for what was placed; once per batch. The acceptor's thread.
    void wake();
    /// Sockets placed that their workers are not yet done with. The acceptor's thread.
    std::uint64_t connections() const noexcept;
    /// The same of one worker.
    std::uint64_t connections(std::uint32_t worker) const noexcept { return load(worker); }
    /// Calls `f(source_key)` for each connection that ended since the last time; only with
    /// `options::connections_per_source_max`. One thread at a time.
    template <class F>
    void take_departed(F f) {
        for (auto& worker : workers_)
            worker->departed().take_all(f);
    }

    std::uint32_t size() const noexcept { return static_cast<std::uint32_t>(workers_.size()); }
    worker& operator[](std::uint32_t index) noexcept { return *workers_[index]; }
    /// Null for a number that is none.
    worker* find(std::uint32_t index) noexcept {
        return index < workers_.size() ? workers_[index].get() : nullptr;
    }
    /// Adds the counters of all workers. Any thread.
    void add_to(metrics& sum) const noexcept;

  private:
    std::uint64_t load(std::uint32_t index) const noexcept;
    void one_ended() noexcept;

    options const* limits_;
    output_budget output_budget_;
    std::vector<command_counts> command_counts_; // before the workers that count
    std::vector<std::unique_ptr<worker>> workers_;
    struct placement {
        std::uint64_t total = 0; ///< Sockets ever given to the worker.
        bool to_wake = false;    ///< There are new ones since the last `wake`.
    };
    std::vector<placement> placed_; // by worker; the acceptor's
    std::mutex mutex_;
    std::condition_variable all_ended_;
    std::uint32_t alive_ = 0;            // under the mutex
    std::function<void()> on_all_ended_; // under the mutex
};

} // namespace millipede::detail
