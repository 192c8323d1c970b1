// SPDX-License-Identifier: BSL-1.0
#include <millipede/admin/stats_text.hpp>

#include <millipede/admin/json_text.hpp>

#include <algorithm>
#include <array>
#include <cstddef>

namespace millipede::detail {
namespace {

void put_workers(json_text& text, engine_state const& state) {
    text.key("workers").begin_array();
    for (std::size_t index = 0; index < state.workers.size(); ++index) {
        auto const& each = state.workers[index];
        text.begin_object()
            .member("index", index)
            .member("connections", each.connections)
            .member("connections_max", state.connections_max_per_worker)
            .member("busy_share", each.busy_share)
            .key("loop_lag_seconds")
            .begin_object()
            .member("last", each.lag_last_seconds)
            .member("max", each.lag_max_seconds)
            .member("p99", each.lag_p99_seconds)
            .end_object()
            .member("stalled", each.stalled)
            .member("dead", each.dead)
            .member("mailbox_bytes", each.mailbox_bytes)
            .member("mailbox_requests", each.mailbox_requests)
            .member("buffer_bytes", each.buffer_bytes)
            .member("output_held_bytes", each.output_held_bytes)
            .end_object();
    }
    text.end_array();
}

void put_alarms(json_text& text, engine_state const& state) {
    text.key("alarms").begin_array();
    for (auto const& each : state.alarms)
        text.begin_object()
            .member("name", each.name)
            .member("severity", each.severity == alarm_severity::critical ? "critical" : "warning")
            .member("text", each.text)
            .end_object();
    text.end_array();
}

void put_texts(json_text& text, std::string_view name, std::vector<std::string> const& values) {
    text.key(name).begin_array();
    for (auto const& each : values)
        text.value(each);
    text.end_array();
}

} // namespace

std::string_view library_version() noexcept {
    return MILLIPEDE_VERSION;
}

std::string stats_text(engine_state const& state, program_values const& values,
                       admin_options const& about) {
    json_text text;
    text.begin_object()
        .member("time", state.unix_seconds)
        .member("uptime_seconds", state.uptime_seconds)
        .member("version", about.version.empty() ? library_version() : about.version)
        .member("program", about.program)
        .member("state", state.ending ? "draining" : "running")
        .member("ready", state.not_ready.empty());
    put_texts(text, "not_ready", state.not_ready);
    text.member("connections", state.connections).member("connections_max", state.connections_max);
    for (auto const& each : values.values)
        if (!each.about.field.empty())
            if (auto value = program_values::read(each)) text.member(each.about.field, *value);
    text.key("totals").begin_object();
    metrics::for_each(state.totals,
                      [&](std::string_view name, std::uint64_t sum) { text.member(name, sum); });
    text.member("log_lines_dropped", state.log_lines_dropped).end_object();
    put_workers(text, state);
    text.key("memory")
        .begin_object()
        .member("resident_bytes", state.usage.resident_bytes)
        .member("user_bytes_per_connection", state.user_bytes_per_connection)
        .member("output_budget_bytes", state.output_budget_bytes)
        .member("output_budget_used_bytes", state.totals.output_held_bytes)
        .end_object();
    put_texts(text, "listeners", state.listeners);
    put_alarms(text, state);
    text.end_object();
    return std::move(text).take();
}

bool is_stats_field(std::string_view name) {
    constexpr std::array<std::string_view, 14> fields{
        "time",        "uptime_seconds",  "version", "program", "state",  "ready",     "not_ready",
        "connections", "connections_max", "totals",  "workers", "memory", "listeners", "alarms"};
    return std::find(fields.begin(), fields.end(), name) != fields.end();
}

} // namespace millipede::detail
