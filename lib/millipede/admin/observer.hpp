// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/admin/engine_state.hpp>
#include <millipede/admin/worker_probe.hpp>
#include <millipede/process/engine_view.hpp>

#include <boost/asio/steady_timer.hpp>

#include <array>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace millipede::detail {

/// A counter that is watched for a rise within the last minute.
class recent_rise {
  public:
    using time_point = std::chrono::steady_clock::time_point;

    void look(std::uint64_t value, time_point now) noexcept {
        if (value > last_) rose_at_ = now;
        last_ = value;
    }
    bool is(time_point now) const noexcept {
        return rose_at_ && now - *rose_at_ < std::chrono::minutes{1};
    }

  private:
    std::uint64_t last_ = 0;
    std::optional<time_point> rose_at_;
};

/// Looks after a server, and knows how it is: asks the workers five times a second, looks at memory
/// and at what goes wrong once a second. The thread of `run()`.
class observer {
  public:
    explicit observer(basic_server& server);

    /// Begins to look, as soon as the server runs. What it does keeps `owner` alive while it lasts,
    /// and does not come to it when that is gone.
    void start(std::weak_ptr<void> owner);
    void stop() noexcept { timer_.cancel(); }

    engine_state state();
    engine_view const& engine() const noexcept { return engine_; }

  private:
    using time_point = std::chrono::steady_clock::time_point;

    void await_look();
    void look();
    void look_closer(time_point now);
    worker_state state_of(std::uint32_t index, time_point now) const;
    void judge_readiness(engine_state& state) const;
    void raise_alarms(engine_state& state, time_point now) const;
    void raise_recent(engine_state& state, time_point now) const;

    engine_view engine_;
    bool counts_commands_;
    boost::asio::steady_timer timer_;
    std::weak_ptr<void> owner_;
    std::uint32_t looks_ = 0;
    std::vector<worker_probe> probes_;
    std::vector<std::uint16_t> commands_; // those that have a count of their own
    std::uint64_t messages_of_other_commands_ = 0;
    process_usage usage_;
    std::uint64_t anonymous_bytes_at_start_;
    time_point started_at_ = std::chrono::steady_clock::now();
    double start_unix_seconds_;
    recent_rise no_descriptors_, shed_, handler_failures_, offload_refused_, log_lines_dropped_;
};

} // namespace millipede::detail
