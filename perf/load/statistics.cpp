// SPDX-License-Identifier: BSL-1.0
#include "statistics.hpp"

#include <sys/resource.h>

namespace load {

std::string_view name(error_kind kind) {
    static constexpr std::array<std::string_view, error_kinds> names{
        "connect_refused",     "connect_failed",    "no_local_port",      "closed_by_server",
        "reset_by_server",     "wrong_login_reply", "wrong_reply",        "unasked_bytes",
        "socket_failed",       "login_unanswered",  "request_unanswered", "request_unsent",
        "connection_unopened", "thread_failed",     "observation_failed",
    };
    return names[static_cast<std::size_t>(kind)];
}

namespace {

cpu_time cpu_time_of(int who) {
    rusage usage{};
    ::getrusage(who, &usage);
    auto const seconds = [](timeval const& time) {
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    return {seconds(usage.ru_utime), seconds(usage.ru_stime)};
}

} // namespace

cpu_time cpu_time::of_process() {
    return cpu_time_of(RUSAGE_SELF);
}
cpu_time cpu_time::of_this_thread() {
    return cpu_time_of(RUSAGE_THREAD);
}

cpu_time operator-(cpu_time const& later, cpu_time const& earlier) {
    return {later.user_seconds - earlier.user_seconds,
            later.system_seconds - earlier.system_seconds};
}

void statistics::add(statistics const& other) {
    for (auto const member :
         {&statistics::connects, &statistics::opened, &statistics::open_now, &statistics::closed,
          &statistics::requests, &statistics::replies, &statistics::abandoned, &statistics::errors})
        (this->*member).add((other.*member).get());
    for (std::size_t kind = 0; kind < error_kinds; ++kind)
        errors_by_kind[kind] += other.errors_by_kind[kind];
    if (first_error.empty()) first_error = other.first_error;
    login_latency.add(other.login_latency);
    echo_latency.add(other.echo_latency);
    cpu_while_running.user_seconds += other.cpu_while_running.user_seconds;
    cpu_while_running.system_seconds += other.cpu_while_running.system_seconds;
}

void statistics::fail(error_kind kind, std::string_view detail, std::uint64_t count) {
    errors.add(count);
    errors_by_kind[static_cast<std::size_t>(kind)] += count;
    if (first_error.empty()) first_error = std::string{name(kind)} + ": " + std::string{detail};
}

} // namespace load
