// SPDX-License-Identifier: BSL-1.0
#include "report.hpp"

#include "figures.hpp"
#include "quantity.hpp"

#include <array>
#include <cstdarg>
#include <cstdio>

namespace load {

namespace {

__attribute__((format(printf, 1, 2))) std::string printed(char const* format, ...) {
    std::array<char, 256> line{};
    std::va_list arguments;
    va_start(arguments, format);
    std::vsnprintf(line.data(), line.size(), format, arguments);
    va_end(arguments);
    return line.data();
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

std::string replies_text(options const& settings, run_result const& result) {
    return "  replies  " + rate_text(result.replies_while_running, result.running_seconds) +
           printed(", %.3f MB/s each way\n", bytes_per_second(settings, result) / 1e6);
}

std::string observed_text(options const& settings, run_result const& result) {
    if (!result.observed) return {};
    auto const& seen = *result.observed;
    auto const figures = figures_of(seen, settings, result);
    auto text = printed("  observed process %d: CPU %.3f s while running, %.0f %% of a core",
                        settings.observed, figures.cpu_seconds, figures.cpu_share * 100);
    if (figures.cpu_us_per_operation > 0)
        text += printed(", %.3f us per %s", figures.cpu_us_per_operation,
                        settings.mode == run_mode::rate    ? "connection"
                        : settings.mode == run_mode::churn ? "request or connection"
                                                           : "request");
    text += "\n           own memory " + grouped(seen.memory_bytes_before) + " bytes before, " +
            grouped(seen.memory_bytes_open) + " after the load";
    if (seen.connections_open > 0)
        text += printed(", %.1f per connection", figures.memory_bytes_per_connection);
    return text + "\n";
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
    if ((settings.mode == run_mode::echo || settings.samples > 0) &&
        result.total.replies.get() == 0)
        return "not one reply came";
    if (settings.mode == run_mode::rate && result.total.opened.get() == 0)
        return "not one login was answered";
    auto const done =
        settings.mode == run_mode::rate ? result.total.opened.get() : result.total.replies.get();
    if (done < settings.requests)
        return "stopped after " + grouped(done) + " of " + grouped(settings.requests) + " requests";
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
    if (settings.mode == run_mode::echo || settings.mode == run_mode::churn || settings.samples > 0)
        text += replies_text(settings, result);
    if (settings.settle)
        text += "  rounds   " + grouped(result.rounds) + ", of which late " +
                grouped(result.rounds_late) + "\n";
    if (result.total.abandoned.get() > 0)
        text += "  dropped  " + grouped(result.total.abandoned.get()) + " requests in flight\n";
    text += latency_text(settings.login ? "login" : "connect", result.total.login_latency);
    text += latency_text("echo", result.total.echo_latency);
    text += cpu_text(result) + observed_text(settings, result) + errors_text(result.total);
    if (result.interrupted) text += "  stopped early by a signal\n";
    return text;
}

} // namespace load
