// SPDX-License-Identifier: BSL-1.0
#include <millipede/base/options.hpp>

#include <millipede/base/connection_id.hpp>
#include <millipede/base/endpoint.hpp>

#include <sys/resource.h>

#include <algorithm>
#include <thread>

namespace millipede {
namespace {

using namespace std::chrono_literals;

// What a process needs beside its connections: standard streams, log, listeners, and per worker
// an epoll set and what its io_context opens (epoll, eventfd, timerfd).
constexpr std::uint64_t descriptors_per_process = 32;
constexpr std::uint64_t descriptors_per_worker = 4;
constexpr std::uint32_t automatic_connections_max = 1U << 20;

// Below it, a machine that is merely busy looks stalled.
constexpr auto stall_after_min = 100ms;

template <class T>
void check_range(char const* name, T value, T least, T most) {
    if (value >= least && value <= most) return;
    throw invalid_option{name, std::to_string(value) + " is not in " + std::to_string(least) +
                                   " to " + std::to_string(most)};
}

void check_duration(char const* name, std::chrono::milliseconds value,
                    std::chrono::milliseconds least) {
    constexpr auto most = std::chrono::milliseconds{std::chrono::hours{24 * 365}};
    if (value >= least && value <= most) return;
    throw invalid_option{name, std::to_string(value.count()) + " ms is not in " +
                                   std::to_string(least.count()) + " ms to a year"};
}

std::uint64_t raised_descriptor_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
    if (limit.rlim_cur < limit.rlim_max) {
        rlimit raised{limit.rlim_max, limit.rlim_max};
        if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
    }
    return limit.rlim_cur;
}

void check_descriptors(options& limits) {
    auto limit = raised_descriptor_limit();
    auto overhead = descriptors_per_process + descriptors_per_worker * limits.workers;
    if (limits.connections_per_worker == 0) {
        auto share = limit > overhead ? (limit - overhead) / limits.workers : 0;
        limits.connections_per_worker =
            static_cast<std::uint32_t>(std::min<std::uint64_t>(share, automatic_connections_max));
    }
    auto wanted = std::uint64_t{limits.workers} * limits.connections_per_worker + overhead;
    if (limits.connections_per_worker > 0 && wanted <= limit) return;
    throw invalid_option{
        "connections_per_worker",
        std::to_string(limits.workers) + " workers x " +
            std::to_string(limits.connections_per_worker) + " connections need " +
            std::to_string(wanted) + " file descriptors, the limit of this process is " +
            std::to_string(limit) +
            "; raise it (ulimit -n, LimitNOFILE= in systemd) or ask for fewer connections"};
}

} // namespace

options validated(options wanted) {
    auto limits = std::move(wanted);
    if (limits.listen.empty()) throw invalid_option{"listen", "no endpoint to listen on"};
    for (auto const& text : limits.listen) {
        try {
            parse_endpoint(text);
        } catch (std::invalid_argument const& refusal) {
            throw invalid_option{"listen", refusal.what()};
        }
    }
    if (limits.workers == 0)
        limits.workers = std::clamp(std::thread::hardware_concurrency(), 1U, 256U);
    check_range("workers", limits.workers, 1U, connection_id::workers_max);
    check_range("connections_per_worker", limits.connections_per_worker, 0U,
                connection_id::slots_max);
    check_duration("idle_timeout", limits.idle_timeout, 0ms);
    check_duration("write_timeout", limits.write_timeout, 0ms);
    check_duration("linger_timeout", limits.linger_timeout, 1ms);
    check_duration("stop_timeout", limits.stop_timeout, 0ms);
    check_range<std::size_t>("output_max_bytes", limits.output_max_bytes, 1, std::size_t{1} << 40);
    check_range<std::size_t>("buffer_budget_bytes", limits.buffer_budget_bytes, 64 * 1024,
                             std::size_t{1} << 44);
    check_range<std::size_t>("scratch_bytes", limits.scratch_bytes, 4 * 1024, 1024 * 1024);
    check_range("handoff_capacity", limits.handoff_capacity, 1U, 1U << 24);
    check_range("mailbox_capacity", limits.mailbox_capacity, 1U, 1U << 28);
    check_range("listen_backlog", limits.listen_backlog, 1U, 1U << 24);
    check_duration("stall_after", limits.stall_after,
                   limits.stall_after == 0ms ? 0ms : stall_after_min);
    if (limits.stall_signal != 0)
        check_range("stall_signal", limits.stall_signal, SIGRTMIN, SIGRTMAX);
    check_descriptors(limits);
    return limits;
}

std::vector<budget_term> memory_budget(options const& limits, std::size_t slot_bytes) {
    std::uint64_t workers = limits.workers;
    return {
        {"slots (one per connection, session included; touched on first use)",
         workers * limits.connections_per_worker, slot_bytes},
        {"incomplete messages and unsent output, at most", workers, limits.buffer_budget_bytes},
        {"scratch buffers (input and output of a worker)", workers * 2, limits.scratch_bytes},
        {"buffers kept for the next taker, at most", workers * 4, 1024 * 1024},
        {"log lines waiting, at most", limits.log.queue_capacity, 4'096},
        {"hand-over queues", workers * limits.handoff_capacity, 8},
        {"mailboxes, at most, without their payloads", workers * limits.mailbox_capacity, 64},
    };
}

} // namespace millipede
