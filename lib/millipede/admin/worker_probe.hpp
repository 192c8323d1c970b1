// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/admin/lag_record.hpp>
#include <millipede/worker/worker.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <ctime>
#include <memory>
#include <optional>

namespace millipede::detail {

/// What is learnt of a worker by asking it: now and then a request waits its turn there, looks
/// around and reports. At most one is under way, so a worker that is held has one to answer when it
/// goes on, however long that takes. One thread, which is not the worker's.
class worker_probe {
  public:
    using time_point = std::chrono::steady_clock::time_point;

    /// Takes what has come back, and asks again.
    void ask(worker& subject, time_point now);
    /// Looks at the clock of the worker's thread, which runs whether the worker answers or not.
    void look_at_clock(time_point now) noexcept;

    lag_record const& lags() const noexcept { return lags_; }
    /// The last wait; the one that goes on, if that is longer already. In seconds.
    double lag_seconds(time_point now) const noexcept;
    /// The longest of the last minute, the same way.
    double lag_max_seconds(time_point now) const;
    /// Buffers in use there, when it was last asked.
    std::size_t buffer_bytes() const noexcept { return buffer_bytes_; }
    /// Processor time of its threads, from the first to the present one.
    double cpu_seconds() const noexcept { return cpu_before_ + cpu_of_thread_; }
    /// Processor time per time, between the last two looks; 0 to 1.
    double busy_share() const noexcept { return busy_share_; }

  private:
    struct report {
        std::atomic<bool> made{false}; // what follows is there
        std::chrono::nanoseconds waited{};
        std::size_t buffer_bytes = 0;
        std::optional<::clockid_t> clock{};
    };
    class question;

    double waits_seconds(time_point now) const noexcept;
    void take(report const& found);

    std::shared_ptr<report> pending_;
    time_point asked_at_{};
    lag_record lags_;
    std::size_t buffer_bytes_ = 0;
    std::optional<::clockid_t> clock_;
    double cpu_before_ = 0;
    double cpu_of_thread_ = 0;
    double cpu_at_look_ = 0;
    std::optional<time_point> looked_at_;
    double busy_share_ = 0;
};

} // namespace millipede::detail
