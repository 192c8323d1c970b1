// SPDX-License-Identifier: BSL-1.0
#include "figures.hpp"
#include "json_writer.hpp"
#include "report.hpp"

namespace load {

namespace {

void write_parameters(json_writer& json, options const& settings) {
    auto const seconds = [](std::chrono::nanoseconds time) {
        return static_cast<double>(time.count()) / 1e9;
    };
    json.begin("parameters");
    json.text("codec", name(settings.codec));
    json.whole("connections", settings.connections);
    json.whole("concurrency", settings.concurrency);
    json.whole("threads", settings.threads);
    json.whole("sources", settings.sources);
    json.truth("login", settings.login);
    json.text("close", name(settings.closing));
    json.number("duration_seconds", seconds(settings.duration));
    json.number("deadline_seconds", seconds(settings.deadline));
    json.number("open_rate_per_second", settings.open_rate);
    json.number("rate_per_second", settings.rate);
    json.whole("requests", settings.requests);
    json.whole("size_bytes", settings.size_bytes);
    json.whole("depth", settings.depth);
    json.whole("churn_per_second", settings.churn_per_second);
    json.whole("sends_per_second", settings.sends_per_second);
    json.truth("settle", settings.settle);
    json.whole("samples_per_round", settings.samples);
    json.whole("magic", settings.magic);
    json.whole("command", settings.command);
    json.whole("login_command", settings.login_command);
    json.whole("login_uid_base", settings.login_uid_base);
    json.whole("seed", settings.seed);
    json.end();
}

void write_results(json_writer& json, options const& settings, run_result const& result) {
    auto const reason = failure_reason(settings, result);
    auto const& total = result.total;
    json.begin("results");
    json.truth("passed", reason.empty());
    json.text("reason", reason);
    json.truth("interrupted", result.interrupted);
    json.truth("deadline_exceeded", result.deadline_exceeded);
    json.number("wall_seconds", result.wall_seconds);
    json.number("opening_seconds", result.opening_seconds);
    json.whole("opened_while_opening", result.opened_while_opening);
    json.number("opened_per_second_while_opening",
                per_second(result.opened_while_opening, result.opening_seconds));
    json.number("running_seconds", result.running_seconds, 6);
    json.whole("opened_while_running", result.opened_while_running);
    json.number("opened_per_second_while_running",
                per_second(result.opened_while_running, result.running_seconds));
    json.whole("replies_while_running", result.replies_while_running);
    json.number("replies_per_second",
                per_second(result.replies_while_running, result.running_seconds));
    json.number("bytes_per_second", bytes_per_second(settings, result));
    json.whole("connects", total.connects.get());
    json.whole("opened", total.opened.get());
    json.whole("closed", total.closed.get());
    json.whole("requests", total.requests.get());
    json.whole("replies", total.replies.get());
    json.whole("requests_abandoned", total.abandoned.get());
    json.whole("rounds", result.rounds);
    json.whole("rounds_late", result.rounds_late);
    json.end();
}

void write_latency(json_writer& json, char const* what, histogram const& latency) {
    json.begin(what);
    json.whole("count", latency.count());
    json.number("mean", latency.mean_ns() / 1e3);
    json.number("p50", latency.percentile_ns(50) / 1e3);
    json.number("p90", latency.percentile_ns(90) / 1e3);
    json.number("p99", latency.percentile_ns(99) / 1e3);
    json.number("p99_9", latency.percentile_ns(99.9) / 1e3);
    json.number("max", static_cast<double>(latency.max_ns()) / 1e3);
    json.end();
}

void write_cpu(json_writer& json, run_result const& result) {
    json.begin("cpu");
    json.number("user_seconds", result.cpu.user_seconds);
    json.number("system_seconds", result.cpu.system_seconds);
    json.number("share_of_wall", share_of_wall(result));
    json.number("seconds_while_running", result.total.cpu_while_running.total_seconds());
    json.number("busiest_thread_share_while_running", result.busiest_thread_share);
    json.truth("may_have_been_the_limit", result.busiest_thread_share >= busy_share);
    json.end();
}

void write_observed(json_writer& json, options const& settings, run_result const& result) {
    if (!result.observed) return;
    auto const& seen = *result.observed;
    auto const figures = figures_of(seen, settings, result);
    json.begin("observed");
    json.whole("pid", static_cast<std::uint64_t>(settings.observed));
    json.number("cpu_seconds", figures.cpu_seconds, 9);
    json.number("cpu_us_per_operation", figures.cpu_us_per_operation, 6);
    json.number("cpu_share", figures.cpu_share, 6);
    json.whole("memory_bytes_before", seen.memory_bytes_before);
    json.whole("memory_bytes_open", seen.memory_bytes_open);
    json.whole("connections_open", seen.connections_open);
    json.number("memory_bytes_per_connection", figures.memory_bytes_per_connection);
    json.end();
}

} // namespace

std::string as_json(options const& settings, run_result const& result) {
    json_writer json;
    json.text("mode", name(settings.mode));
    json.text("target", settings.server.text);
    write_parameters(json, settings);
    write_results(json, settings, result);
    json.begin("latency_us");
    write_latency(json, settings.login ? "login" : "connect", result.total.login_latency);
    write_latency(json, "echo", result.total.echo_latency);
    json.end();
    write_cpu(json, result);
    write_observed(json, settings, result);
    json.begin("errors");
    json.whole("total", result.total.errors.get());
    for (std::size_t kind = 0; kind < error_kinds; ++kind)
        json.whole(name(static_cast<error_kind>(kind)), result.total.errors_by_kind[kind]);
    json.text("first", result.total.first_error);
    json.end();
    return json.finish();
}

} // namespace load
