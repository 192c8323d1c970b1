// SPDX-License-Identifier: BSL-1.0
#include <millipede/admin/observer.hpp>

#include <millipede/base/log.hpp>

#include <algorithm>
#include <exception>
#include <utility>

namespace millipede::detail {
namespace {

using namespace std::chrono_literals;

constexpr auto interval = 200ms;
constexpr std::uint32_t looks_per_closer_one = 5;
constexpr std::size_t commands_max = 256;
constexpr double long_lag_seconds = 1;

double unix_seconds() {
    return std::chrono::duration<double>{std::chrono::system_clock::now().time_since_epoch()}
        .count();
}

} // namespace

observer::observer(basic_server& server)
    : engine_{server},
      counts_commands_{engine_.count_commands()},
      timer_{server.get_executor()},
      usage_{process_usage::now()},
      anonymous_bytes_at_start_{usage_.anonymous_bytes},
      start_unix_seconds_{unix_seconds()} {}

void observer::start(std::weak_ptr<void> owner) {
    owner_ = std::move(owner);
    timer_.expires_after(0ms);
    await_look();
}

void observer::await_look() {
    timer_.async_wait([this, owner = owner_](error_code code) {
        auto alive = owner.lock();
        if (code || !alive) return;
        try {
            look();
        } catch (std::exception const&) {
            // No memory: what is shown is older than it should be.
        }
        try {
            // Not from when it was due: a thread that was held up has nothing to make up for.
            timer_.expires_after(interval);
            await_look();
        } catch (std::exception const&) {
            // Not even for that. Nothing may reach the server's loop: it would end the server.
        }
    });
}

void observer::look() {
    if (!engine_.started()) return;
    auto& workers = engine_.workers();
    auto now = std::chrono::steady_clock::now();
    if (probes_.empty()) {
        probes_ = std::vector<worker_probe>(workers.size());
        commands_ = engine_.commands();
        commands_.resize(std::min(commands_.size(), commands_max));
    }
    for (std::uint32_t index = 0; index < workers.size(); ++index)
        probes_[index].ask(workers[index], now);
    if (looks_++ % looks_per_closer_one == 0) look_closer(now);
}

void observer::look_closer(time_point now) {
    for (auto& probe : probes_)
        probe.look_at_clock(now);
    usage_ = process_usage::now();
    auto totals = engine_.server().metrics();
    no_descriptors_.look(totals.newcomers_shed + totals.accept_failures, now);
    shed_.look(totals.shed, now);
    handler_failures_.look(totals.handler_failures + totals.offload_failed, now);
    offload_refused_.look(totals.offload_refused, now);
    log_lines_dropped_.look(log_lines_dropped(), now);
}

worker_state observer::state_of(std::uint32_t index, time_point now) const {
    auto& workers = engine_.workers();
    auto& subject = workers[index];
    worker_state state;
    state.connections = workers.connections(index);
    state.stalled = subject.stalled();
    state.dead = subject.lost_its_thread();
    state.mailbox_bytes = subject.requests().waiting_bytes() + subject.broadcasts().waiting_bytes();
    state.mailbox_requests = subject.requests().waiting();
    state.output_held_bytes = subject.counters().output_held_bytes.load();
    if (index >= probes_.size()) return state;
    auto const& probe = probes_[index];
    state.busy_share = probe.busy_share();
    state.cpu_seconds = probe.cpu_seconds();
    state.lag_last_seconds = probe.lag_seconds(now);
    state.lag_max_seconds = probe.lag_max_seconds(now);
    state.lag_p99_seconds = probe.lags().quantile_seconds(0.99);
    state.lags = &probe.lags();
    state.buffer_bytes = probe.buffer_bytes();
    return state;
}

engine_state observer::state() {
    auto now = std::chrono::steady_clock::now();
    auto const& limits = engine_.limits();
    engine_state state;
    state.started = engine_.started();
    state.ending = engine_.ending();
    state.unix_seconds = unix_seconds();
    state.start_unix_seconds = start_unix_seconds_;
    state.uptime_seconds = std::chrono::duration<double>{now - started_at_}.count();
    state.connections_max = engine_.connections_max();
    state.connections_max_per_worker = limits.connections_per_worker;
    state.output_budget_bytes = limits.output_budget_bytes;
    state.buffer_budget_bytes = limits.buffer_budget_bytes;
    state.log_lines_dropped = log_lines_dropped();
    state.totals = engine_.server().metrics();
    state.usage = usage_;
    state.listeners = engine_.server().places();
    state.counts_commands = counts_commands_;
    if (state.started) {
        auto& workers = engine_.workers();
        for (std::uint32_t index = 0; index < workers.size(); ++index) {
            state.workers.push_back(state_of(index, now));
            state.connections += state.workers.back().connections;
        }
        auto others = state.totals.messages_received;
        for (auto command : commands_) {
            auto count = workers.messages_of(command);
            state.messages_by_command.emplace_back(command, count);
            others -= std::min(others, count);
        }
        // The sum was read before its parts, so this may be a few too low; it never goes back.
        messages_of_other_commands_ = std::max(messages_of_other_commands_, others);
        state.messages_of_other_commands = messages_of_other_commands_;
    }
    if (state.connections != 0 && usage_.anonymous_bytes > anonymous_bytes_at_start_)
        state.user_bytes_per_connection =
            static_cast<double>(usage_.anonymous_bytes - anonymous_bytes_at_start_) /
            static_cast<double>(state.connections);
    judge_readiness(state);
    raise_alarms(state, now);
    raise_recent(state, now);
    return state;
}

void observer::judge_readiness(engine_state& state) const {
    if (!state.started) state.not_ready.emplace_back("starting");
    if (state.ending) state.not_ready.emplace_back("draining");
    for (std::size_t index = 0; index < state.workers.size(); ++index) {
        auto const& each = state.workers[index];
        if (each.dead || each.stalled)
            state.not_ready.push_back("worker " + std::to_string(index) +
                                      (each.dead ? " has no thread" : " is stalled"));
    }
    if (state.started && state.connections >= state.connections_max)
        state.not_ready.emplace_back("full");
}

void observer::raise_alarms(engine_state& state, time_point) const {
    auto raise = [&](char const* name, alarm_severity severity, std::string text) {
        state.alarms.push_back({name, severity, std::move(text)});
    };
    for (std::size_t index = 0; index < state.workers.size(); ++index) {
        auto const& each = state.workers[index];
        auto who = "worker " + std::to_string(index);
        if (each.dead) raise("dead_worker", alarm_severity::critical, who + " has no thread");
        if (each.stalled)
            raise("stalled_worker", alarm_severity::critical, who + " gives no sign of life");
        if (each.lag_max_seconds >= long_lag_seconds)
            raise("loop_lag", alarm_severity::warning,
                  who + " let requests wait for " +
                      std::to_string(static_cast<std::uint64_t>(each.lag_max_seconds * 1000)) +
                      " ms in the last minute");
    }
    auto of = [&](char const* what) {
        return std::to_string(state.connections) + " of " + std::to_string(state.connections_max) +
               " connections" + what;
    };
    if (state.started && state.connections >= state.connections_max)
        raise("full", alarm_severity::critical, of(": newcomers are closed"));
    else if (state.started && state.connections * 20 >= state.connections_max * 19 &&
             state.connections_max >= 20)
        raise("nearly_full", alarm_severity::warning, of(""));
    if (state.output_budget_bytes != 0 &&
        state.totals.output_held_bytes >= state.output_budget_bytes / 4 * 3)
        raise("output_budget", alarm_severity::warning,
              std::to_string(state.totals.output_held_bytes) + " bytes wait for peers, of " +
                  std::to_string(state.output_budget_bytes));
}

void observer::raise_recent(engine_state& state, time_point now) const {
    struct watched {
        recent_rise const& rise;
        char const* name;
        alarm_severity severity;
        char const* text;
    };
    auto const critical = alarm_severity::critical;
    auto const warning_only = alarm_severity::warning;
    for (auto const& each : {
             watched{no_descriptors_, "no_descriptors", critical,
                     "newcomers found no descriptor or memory in the last minute"},
             watched{shed_, "shedding", warning_only,
                     "connections were closed to protect the others in the last minute"},
             watched{handler_failures_, "handler_failures", warning_only,
                     "a handler let an exception escape in the last minute"},
             watched{offload_refused_, "offload_full", warning_only,
                     "the offload pool refused requests in the last minute"},
             watched{log_lines_dropped_, "log_lines_dropped", warning_only,
                     "log lines were lost in the last minute"},
         })
        if (each.rise.is(now)) state.alarms.push_back({each.name, each.severity, each.text});
}

} // namespace millipede::detail
