// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "engine.hpp"
#include "scenario.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <thread>

namespace load {

// One thread with its engine and its share of the run. The conductor says what is wanted, the
// worker says what is done; both by atomics and a wake-up, so that neither ever waits in a lock.
class worker {
  public:
    // notify_conductor is called from the worker's thread whenever there is news.
    worker(options const& settings, work_share share, std::function<void()> notify_conductor);

    void start();
    void join() { thread_.join(); }

    // For the conductor's thread.
    void lead_to(stage wanted);
    void start_round(std::uint64_t round);
    void forgive_unanswered() { unanswered_is_error_ = false; }
    bool has_completed(stage which) const { return completed_.load() >= code(which); }
    bool has_settled(std::uint64_t round) const { return round_settled_.load() >= round; }
    statistics const& counts() const { return counts_; }

  private:
    static std::uint32_t code(stage which) { return static_cast<std::uint32_t>(which) + 1; }

    void run();
    void turn();
    void enter(stage wanted);
    bool done() const;
    void tell_news();

    options const& settings_;
    std::function<void()> notify_conductor_;
    statistics counts_;
    engine engine_;
    std::unique_ptr<scenario> scenario_;
    std::thread thread_;

    stage stage_ = stage::opening;
    std::uint64_t round_ = 0;
    std::uint64_t errors_told_ = 0;
    cpu_time cpu_at_start_;

    std::atomic<stage> wanted_{stage::opening};
    std::atomic<std::uint64_t> round_wanted_{0};
    std::atomic<bool> unanswered_is_error_{true};
    std::atomic<std::uint32_t> completed_{0}; // code() of a stage; 0 is none
    std::atomic<std::uint64_t> round_settled_{0};
};

} // namespace load
