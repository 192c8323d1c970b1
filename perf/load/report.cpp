// SPDX-License-Identifier: BSL-1.0
#include "report.hpp"

#include "json_writer.hpp"
#include "quantity.hpp"

#include <array>
#include <cstdarg>
#include <cstdio>

namespace load {

namespace {

// Above this share of its core a thread of ours, not the server, may be what was measured.
constexpr double busy_share = 0.9;

__attribute__((format(printf, 1, 2))) std::string printed(char const* format, ...) {
    std::array<char, 256> line{};
    std::va_list arguments;
    va_start(arguments, format);
    std::vsnprintf(line.data(), line.size(), format, arguments);
    va_end(arguments);
    return line.data();
}

double per_second(std::uint64_t count, double seconds) {
    return seconds > 0 ? static_cast<double>(count) / seconds : 0;
}

std::string rate_text(std::uint64_t count, double seconds) {
    return grouped(count) + " in " + printed("%.3f s", seconds) + " (" +
           grouped(static_cast<std::uint64_t>(per_second(count, seconds))) + "/s)";
}

std::string latency_text(char const* what, histogram const& latency) {
    if (latency.count() == 0) return {};
    auto const us = [&](double percent) { return latency.percentile_ns(percent) / 1e3; };
    return printed("  %-8s p50 %.1f  p90 %.1f  p99 %.1f  p99.9 %.1f  max %.1f us\n", what, us(50),
                   us(90), us(99), us(99.9), static_cast<double>(latency.max_ns()) / 1e3);
}

double share_of_wall(run_result const& result) {
    return result.wall_seconds > 0 ? result.cpu.total_seconds() / result.wall_seconds : 0;
}

std::string cpu_text(run_result const& result) {
    auto text = printed("  own CPU  user %.2f s, system %.2f s: %.0f %% of wall time; busiest "
                        "thread %.0f %% while running\n",
                        result.cpu.user_seconds, result.cpu.system_seconds,
                        share_of_wall(result) * 100, result.busiest_thread_share * 100);
    if (result.busiest_thread_share >= busy_share)
        text += "           so this program itself may have been the limit\n";
    return text;
}

std::string errors_text(statistics const& total) {
    if (total.errors.get() == 0) return "  errors   none\n";
    auto text = "  errors   " + grouped(total.errors.get()) + ":";
    for (std::size_t kind = 0; kind < error_kinds; ++kind)
        if (total.errors_by_kind[kind] > 0)
            text += " " + std::string{name(static_cast<error_kind>(kind))} + " " +
                    grouped(total.errors_by_kind[kind]);
    return text + "\n";
}

void write_parameters(json_writer& json, options const& settings) {
    auto const seconds = [](std::chrono::nanoseconds time) {
        return static_cast<double>(time.count()) / 1e9;
    };
    json.begin("parameters");
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
    json.whole("size_bytes", settings.size_bytes);
    json.whole("depth", settings.depth);
    json.whole("churn_per_second", settings.churn_per_second);
    json.whole("sends_per_second", settings.sends_per_second);
    json.truth("settle", settings.settle);
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
    json.number("running_seconds", result.running_seconds);
    json.whole("opened_while_running", result.opened_while_running);
    json.number("opened_per_second_while_running",
                per_second(result.opened_while_running, result.running_seconds));
    json.whole("replies_while_running", result.replies_while_running);
    json.number("replies_per_second",
                per_second(result.replies_while_running, result.running_seconds));
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

} // namespace

std::string failure_reason(options const& settings, run_result const& result) {
    if (result.threads_stuck) return "the deadline passed and a thread did not end";
    auto const errors = result.total.errors.get();
    auto some_errors = grouped(errors) + (errors == 1 ? " error: " : " errors, the first: ") +
                       result.total.first_error;
    if (result.deadline_exceeded)
        return "the deadline passed" + (errors > 0 ? "; " + some_errors : std::string{});
    if (errors > 0) return some_errors;
    if (!result.opened_all) return "stopped before all connections were open";
    if (settings.mode == run_mode::echo && result.total.replies.get() == 0)
        return "not one reply came";
    if (settings.mode == run_mode::rate && result.total.opened.get() == 0)
        return "not one login was answered";
    return {};
}

std::string as_text(options const& settings, run_result const& result) {
    auto text = "millipede-load " + std::string{name(settings.mode)} + " " + settings.server.text +
                ": " + grouped(settings.connections) + " connections, " +
                grouped(settings.threads) + " threads, " + grouped(settings.sources) +
                " source addresses\n";
    if (settings.mode != run_mode::rate)
        text +=
            "  opened   " + rate_text(result.opened_while_opening, result.opening_seconds) + "\n";
    if (settings.mode == run_mode::rate || settings.mode == run_mode::churn)
        text += (settings.mode == run_mode::rate ? "  cycles   " : "  reopened ") +
                rate_text(result.opened_while_running, result.running_seconds) + "\n";
    if (settings.mode == run_mode::echo || settings.mode == run_mode::churn)
        text +=
            "  replies  " + rate_text(result.replies_while_running, result.running_seconds) + "\n";
    if (settings.settle)
        text += "  rounds   " + grouped(result.rounds) + ", of which late " +
                grouped(result.rounds_late) + "\n";
    if (result.total.abandoned.get() > 0)
        text += "  dropped  " + grouped(result.total.abandoned.get()) + " requests in flight\n";
    text += latency_text(settings.login ? "login" : "connect", result.total.login_latency);
    text += latency_text("echo", result.total.echo_latency);
    text += cpu_text(result) + errors_text(result.total);
    if (result.interrupted) text += "  stopped early by a signal\n";
    return text;
}

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
    json.begin("cpu");
    json.number("user_seconds", result.cpu.user_seconds);
    json.number("system_seconds", result.cpu.system_seconds);
    json.number("share_of_wall", share_of_wall(result));
    json.number("seconds_while_running", result.total.cpu_while_running.total_seconds());
    json.number("busiest_thread_share_while_running", result.busiest_thread_share);
    json.truth("may_have_been_the_limit", result.busiest_thread_share >= busy_share);
    json.end();
    json.begin("errors");
    json.whole("total", result.total.errors.get());
    for (std::size_t kind = 0; kind < error_kinds; ++kind)
        json.whole(name(static_cast<error_kind>(kind)), result.total.errors_by_kind[kind]);
    json.text("first", result.total.first_error);
    json.end();
    return json.finish();
}

} // namespace load
