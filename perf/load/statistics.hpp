// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "histogram.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace load {

// Written by one thread, read by any: a plain load and store each, no locked instruction.
class counter {
  public:
    void add(std::uint64_t amount = 1) {
        value_.store(value_.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
    }
    void set(std::uint64_t value) { value_.store(value, std::memory_order_relaxed); }
    std::uint64_t get() const { return value_.load(std::memory_order_relaxed); }

  private:
    std::atomic<std::uint64_t> value_{0};
};

enum class error_kind : std::size_t {
    connect_refused,
    connect_failed,
    no_local_port,
    closed_by_server,
    reset_by_server,
    wrong_login_reply,
    wrong_reply,
    unasked_bytes,
    socket_failed,
    login_unanswered,
    request_unanswered,
    request_unsent,
    connection_unopened,
    thread_failed,
    observation_failed,
};
inline constexpr std::size_t error_kinds = 15;
std::string_view name(error_kind kind);

struct cpu_time {
    double user_seconds = 0;
    double system_seconds = 0;
    double total_seconds() const { return user_seconds + system_seconds; }

    static cpu_time of_process();
    static cpu_time of_this_thread();
};
cpu_time operator-(cpu_time const& later, cpu_time const& earlier);

// What one worker counts. The counters may be read while it runs, the rest after it was joined.
struct statistics {
    counter connects;  // connections begun
    counter opened;    // of these, usable: connected, and logged in where a login is wanted
    counter open_now;  // usable at this moment
    counter closed;    // closed by us after they were usable
    counter requests;  // echoes asked for
    counter replies;   // echoes that came back right
    counter abandoned; // echoes in flight on connections that we closed on purpose
    counter errors;

    std::array<std::uint64_t, error_kinds> errors_by_kind{};
    std::string first_error;
    histogram login_latency;
    histogram echo_latency;
    cpu_time cpu_while_running;

    void add(statistics const& other);
    void fail(error_kind kind, std::string_view detail, std::uint64_t count = 1);
};

} // namespace load
