// SPDX-License-Identifier: BSL-1.0
#include <millipede/admin/metrics_text.hpp>

#include <millipede/admin/engine_metrics.hpp>
#include <millipede/admin/metric_families.hpp>
#include <millipede/admin/stats_text.hpp>

#include <boost/config.hpp>
#include <boost/version.hpp>

#include <prometheus/check_names.h>
#include <prometheus/collectable.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <numeric>

namespace millipede::detail {
namespace {

std::string hexadecimal(std::uint16_t command) {
    std::array<char, 8> text;
    auto size = std::snprintf(text.data(), text.size(), "0x%04x", command);
    return {text.data(), static_cast<std::size_t>(size)};
}

void add_build(metric_families& to, engine_state const& state, admin_options const& about) {
    auto version = std::string{library_version()};
    to.gauge("millipede_build_info", "What runs here; always 1.")
        .add(1, {{"version", version},
                 {"program", about.program},
                 {"program_version", about.version.empty() ? version : about.version},
                 {"compiler", BOOST_COMPILER},
                 {"boost", BOOST_LIB_VERSION}});
    to.gauge("millipede_start_time_seconds", "When the server was made, Unix time.")
        .add(state.start_unix_seconds);
    to.gauge("millipede_ready", "Whether newcomers are welcome.").add(state.not_ready.empty());
    to.gauge("millipede_draining", "Whether the end has begun.").add(state.ending);
    to.gauge("millipede_connections_limit", "How many connections there may be in all.")
        .add(state.connections_max);
    to.gauge("millipede_output_budget_bytes",
             "Unsent output that all workers together may hold; 0: no limit.")
        .add(state.output_budget_bytes);
    to.gauge("millipede_buffer_budget_bytes", "Buffers that one worker may use.")
        .add(state.buffer_budget_bytes);
    to.gauge("millipede_user_bytes_per_connection",
             "Anonymous memory added since the start, per connection.")
        .add(state.user_bytes_per_connection);
    to.counter("millipede_log_lines_dropped_total", "Log lines lost because the queue was full.")
        .add(state.log_lines_dropped);
}

void add_commands(metric_families& to, engine_state const& state) {
    if (!state.counts_commands) return;
    to.counter("millipede_messages_by_command_total",
               "Whole messages received, by command with a handler of its own.");
    for (auto const& [command, count] : state.messages_by_command)
        to.add(count, {{"command", hexadecimal(command)}});
    to.add(state.messages_of_other_commands, {{"command", "other"}});
}

void add_process(metric_families& to, engine_state const& state) {
    auto const& usage = state.usage;
    to.gauge("process_resident_memory_bytes", "Resident memory size in bytes.")
        .add(usage.resident_bytes);
    if (usage.descriptors != 0)
        to.gauge("process_open_fds", "Number of open file descriptors.").add(usage.descriptors);
    to.gauge("process_max_fds", "Maximum number of open file descriptors.")
        .add(usage.descriptors_max);
    to.counter("process_cpu_seconds_total", "Total user and system CPU time spent in seconds.")
        .add(usage.cpu_seconds);
}

void add_alarms(metric_families& to, engine_state const& state) {
    to.gauge("millipede_alarm", "Alarms that are raised; the text stands in /stats.");
    std::vector<std::pair<std::string, alarm_severity>> seen;
    for (auto const& each : state.alarms) {
        std::pair known{each.name, each.severity};
        if (std::find(seen.begin(), seen.end(), known) != seen.end()) continue; // of another worker
        seen.push_back(known);
        auto severity = each.severity == alarm_severity::critical ? "critical" : "warning";
        to.add(1, {{"name", each.name}, {"severity", severity}});
    }
}

void add_own(metric_families& to, admin_counts const& own) {
    to.gauge("millipede_admin_connections", "Connections to the admin endpoint.")
        .add(own.connections);
    to.counter("millipede_admin_requests_total", "Answers of the admin endpoint, by status.");
    for (auto const& [status, count] : own.answers)
        to.add(count, {{"code", std::to_string(status)}});
}

metric_families library_metrics(engine_state const& state, admin_options const& about,
                                admin_counts const& own) {
    metric_families families;
    add_build(families, state, about);
    add_totals(families, state.totals);
    add_commands(families, state);
    add_workers(families, state);
    add_process(families, state);
    add_alarms(families, state);
    add_own(families, own);
    return families;
}

} // namespace

std::string metrics_text(engine_state const& state, program_values const& values,
                         admin_options const& about, admin_counts const& own) {
    auto families = library_metrics(state, about, own);
    for (auto const& each : values.values)
        if (auto value = program_values::read(each))
            (each.only_rises ? families.counter(each.about.metric, each.about.help)
                             : families.gauge(each.about.metric, each.about.help))
                .add(*value);
    for (auto const& each : values.collectables)
        families.append(each->Collect());
    return static_cast<prometheus::Serializer const&>(prometheus::TextSerializer{})
        .Serialize(families.all());
}

bool is_free_metric_name(std::string_view name) {
    if (!prometheus::CheckMetricName(std::string{name}) || name.find(':') != name.npos)
        return false;
    engine_state any;
    any.counts_commands = true;
    any.usage.descriptors = 1;
    auto const own = library_metrics(any, {}, {});
    return std::none_of(own.all().begin(), own.all().end(),
                        [&](auto const& each) { return each.name == name; });
}

} // namespace millipede::detail
