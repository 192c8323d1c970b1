// SPDX-License-Identifier: BSL-1.0
#include <millipede/base/options.hpp>

#include <millipede/base/connection_id.hpp>
#include <millipede/base/listen_address.hpp>

#include <sys/resource.h>

#include <algorithm>
#include <array>
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

// A rate per second and its burst; 0 stands for no rate, and for a burst of one second's worth.
template <class T>
void check_rate(std::string const& rate_name, T rate, std::string const& burst_name, T& burst,
                T least, T most) {
    if (rate == 0) return;
    check_range(rate_name.c_str(), rate, least, most);
    if (burst == 0) burst = rate;
    check_range(burst_name.c_str(), burst, std::max<T>(least, rate / 100), most);
}

void check_whole_seconds(char const* name, std::chrono::milliseconds value) {
    constexpr auto most = std::chrono::milliseconds{32'767s}; // what the kernel takes
    if (value >= 0ms && value <= most && value % 1s == 0ms) return;
    throw invalid_option{name, std::to_string(value.count()) +
                                   " ms is not a number of whole seconds from 0 to 32767"};
}

// A timeout that runs in place of the idle timeout: who is silent must not gain by it.
void check_beside_idle(char const* name, std::chrono::milliseconds value,
                       std::chrono::milliseconds idle_timeout) {
    check_duration(name, value, 0ms);
    if (idle_timeout == 0ms || value <= idle_timeout) return;
    throw invalid_option{name, std::to_string(value.count()) +
                                   " ms is longer than the idle timeout, " +
                                   std::to_string(idle_timeout.count()) + " ms"};
}

void check_heartbeat(options const& limits) {
    check_duration("heartbeat_interval", limits.heartbeat_interval, 0ms);
    if (limits.idle_timeout == 0ms || limits.heartbeat_interval <= limits.idle_timeout / 2) return;
    throw invalid_option{"heartbeat_interval", std::to_string(limits.heartbeat_interval.count()) +
                                                   " ms is longer than half of the idle timeout, " +
                                                   std::to_string(limits.idle_timeout.count()) +
                                                   " ms"};
}

void check_admission(options& limits) {
    constexpr std::uint32_t per_second_max = 1'000'000;
    check_rate("accepts_per_second", limits.accepts_per_second, "accepts_burst",
               limits.accepts_burst, 1U, per_second_max);
    check_rate("accepts_per_second_per_source", limits.accepts_per_second_per_source,
               "accepts_burst_per_source", limits.accepts_burst_per_source, 1U, per_second_max);
    check_beside_idle("first_message_timeout", limits.first_message_timeout, limits.idle_timeout);
    check_beside_idle("message_timeout", limits.message_timeout, limits.idle_timeout);
    check_rate("messages_per_second", limits.messages_per_second, "messages_burst",
               limits.messages_burst, 1U, per_second_max);
    check_rate<std::uint64_t>("bytes_per_second", limits.bytes_per_second, "bytes_burst",
                              limits.bytes_burst, 1'024, 10'000'000'000);
    constexpr auto user_timeout_max = std::chrono::milliseconds{std::chrono::hours{24 * 24}};
    check_range<std::int64_t>("tcp_user_timeout", limits.tcp_user_timeout.count(), 0,
                              user_timeout_max.count());
    check_whole_seconds("keepalive_idle", limits.keepalive_idle);
    check_whole_seconds("keepalive_interval", limits.keepalive_interval);
    check_range("keepalive_probes", limits.keepalive_probes, 0U, 127U);
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

void check_upgrade(options const& limits) {
    check_duration("upgrade_timeout", limits.upgrade_timeout, 1ms);
    auto number = limits.upgrade_signal;
    if (number == 0) return;
    check_range("upgrade_signal", number, 1, SIGRTMAX);
    constexpr std::array taken{SIGINT, SIGTERM, SIGHUP, SIGKILL, SIGSTOP};
    if (number == limits.stall_signal || std::count(taken.begin(), taken.end(), number) > 0)
        throw invalid_option{"upgrade_signal",
                             std::to_string(number) + " means something else; use SIGUSR2"};
}

void check_descriptors(options& limits) {
    auto limit = raised_descriptor_limit();
    auto overhead = descriptors_beside(limits.workers);
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

std::uint64_t descriptors_beside(std::uint32_t workers) noexcept {
    return descriptors_per_process + descriptors_per_worker * workers;
}

void check_listener(listen_options const& wanted) {
    try {
        auto where = parse_listen_address(wanted.endpoint);
        auto const* endpoint = std::get_if<boost::asio::ip::tcp::endpoint>(&where);
        if (wanted.dual_stack && !(endpoint && endpoint->address().is_v6()))
            throw invalid_option{"listen", wanted.endpoint + " is no IPv6 endpoint to be dual"};
        if (wanted.unix_mode != 0 && !std::holds_alternative<unix_address>(where))
            throw invalid_option{"listen", wanted.endpoint + " is no path to have a mode"};
    } catch (invalid_option const&) {
        throw;
    } catch (std::invalid_argument const& refusal) {
        throw invalid_option{"listen", refusal.what()};
    }
    if (wanted.unix_mode > 0777)
        throw invalid_option{"listen", "the mode of " + wanted.endpoint + " is above 0777"};
    if (!wanted.tls) return;
    if (wanted.tls->certificate_file.empty())
        throw invalid_option{"tls.certificate_file", "needed for TLS on " + wanted.endpoint};
    if (wanted.tls->private_key_file.empty())
        throw invalid_option{"tls.private_key_file", "needed for TLS on " + wanted.endpoint};
}

options validated(options wanted) {
    auto limits = std::move(wanted);
    if (limits.listen.empty()) throw invalid_option{"listen", "no endpoint to listen on"};
    for (auto const& each : limits.listen)
        check_listener(each);
    if (limits.workers == 0)
        limits.workers = std::clamp(std::thread::hardware_concurrency(), 1U, 256U);
    check_range("workers", limits.workers, 1U, connection_id::workers_max);
    check_range("connections_per_worker", limits.connections_per_worker, 0U,
                connection_id::slots_max);
    check_duration("idle_timeout", limits.idle_timeout, 0ms);
    check_heartbeat(limits);
    check_duration("write_timeout", limits.write_timeout, 0ms);
    check_duration("linger_timeout", limits.linger_timeout, 1ms);
    check_duration("handshake_timeout", limits.handshake_timeout, 1ms);
    check_duration("stop_timeout", limits.stop_timeout, 0ms);
    check_duration("drain_spread", limits.drain_spread, 0ms);
    check_range<std::size_t>("output_max_bytes", limits.output_max_bytes, 1, std::size_t{1} << 40);
    check_range<std::size_t>("buffer_budget_bytes", limits.buffer_budget_bytes, 64 * 1024,
                             std::size_t{1} << 44);
    if (limits.output_budget_bytes != 0)
        check_range<std::size_t>("output_budget_bytes", limits.output_budget_bytes, 1024 * 1024,
                                 std::size_t{1} << 44);
    check_range<std::size_t>("scratch_bytes", limits.scratch_bytes, 4 * 1024, 1024 * 1024);
    check_range("handoff_capacity", limits.handoff_capacity, 1U, 1U << 24);
    check_range("mailbox_capacity", limits.mailbox_capacity, 1U, 1U << 28);
    check_range("broadcast_capacity", limits.broadcast_capacity, 1U, 1U << 24);
    check_range<std::size_t>("mailbox_max_bytes", limits.mailbox_max_bytes, 64 * 1024,
                             std::size_t{1} << 44);
    check_range("offload_threads", limits.offload_threads, 1U, 256U);
    check_range("offload_capacity", limits.offload_capacity, 1U, 1U << 24);
    check_range("listen_backlog", limits.listen_backlog, 1U, 1U << 24);
    check_admission(limits);
    check_duration("stall_after", limits.stall_after,
                   limits.stall_after == 0ms ? 0ms : stall_after_min);
    if (limits.stall_signal != 0)
        check_range("stall_signal", limits.stall_signal, SIGRTMIN, SIGRTMAX);
    check_upgrade(limits);
    check_descriptors(limits);
    return limits;
}

std::vector<budget_term> memory_budget(options const& limits, std::size_t slot_bytes) {
    std::uint64_t workers = limits.workers;
    std::vector<budget_term> terms{
        {"slots (one per connection, session included; touched on first use)",
         workers * limits.connections_per_worker, slot_bytes},
        {"incomplete messages and unsent output, at most", workers, limits.buffer_budget_bytes},
        {"scratch buffers (input and output of a worker)", workers * 2, limits.scratch_bytes},
        {"buffers kept for the next taker, at most", workers * 4, 1024 * 1024},
        {"log lines waiting, at most", limits.log.queue_capacity, 4'096},
        {"hand-over queues", workers * limits.handoff_capacity, 24},
        {"mailboxes, at most, without their messages", workers * limits.mailbox_capacity, 64},
        {"joins and leaves of groups waiting, at most", workers * limits.mailbox_capacity, 96},
        {"broadcasts waiting, at most, without their messages", workers * limits.broadcast_capacity,
         128},
        {"messages in mailboxes and waiting broadcasts, at most", workers * 2,
         limits.mailbox_max_bytes},
        {"offloaded requests, at most, without their messages", limits.offload_capacity, 128},
    };
    if (limits.connections_per_source_max != 0 || limits.accepts_per_second_per_source != 0) {
        budget_term sources{{}, workers * limits.connections_per_worker, 72};
        sources.what = "source addresses, at most one per connection";
        terms.push_back(std::move(sources));
    }
    return terms;
}

} // namespace millipede
