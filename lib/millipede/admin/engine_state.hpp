// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/admin/admin_options.hpp>
#include <millipede/admin/lag_record.hpp>
#include <millipede/admin/process_usage.hpp>
#include <millipede/base/metrics.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace millipede::detail {

/// One worker, as it is at a moment.
struct worker_state {
    std::uint64_t connections = 0; ///< Sockets that it has or is about to get.
    bool stalled = false;
    bool dead = false; ///< It has no thread.
    double busy_share = 0;
    double cpu_seconds = 0;
    double lag_last_seconds = 0;
    double lag_max_seconds = 0; ///< Of the last minute, as the next one.
    double lag_p99_seconds = 0;
    lag_record const* lags = nullptr;
    std::uint64_t mailbox_bytes = 0;
    std::uint64_t mailbox_requests = 0;
    std::uint64_t buffer_bytes = 0;
    std::uint64_t output_held_bytes = 0;
};

/// Something that somebody has to look at.
struct raised_alarm {
    std::string name;
    alarm_severity severity;
    std::string text;
};

/// The whole server, as it is at a moment.
struct engine_state {
    bool started = false;
    bool ending = false;
    double unix_seconds = 0;
    double start_unix_seconds = 0;
    double uptime_seconds = 0;
    std::uint64_t connections = 0;
    std::uint64_t connections_max = 0;
    std::uint64_t connections_max_per_worker = 0;
    std::uint64_t output_budget_bytes = 0;
    std::uint64_t buffer_budget_bytes = 0;
    std::uint64_t log_lines_dropped = 0;
    double user_bytes_per_connection = 0;
    metrics totals{};
    process_usage usage{};
    std::vector<worker_state> workers{};
    std::vector<std::pair<std::uint16_t, std::uint64_t>> messages_by_command{};
    std::uint64_t messages_of_other_commands = 0;
    bool counts_commands = false;
    std::vector<std::string> listeners{};
    std::vector<std::string> not_ready{};
    std::vector<raised_alarm> alarms{};
};

} // namespace millipede::detail
