// SPDX-License-Identifier: BSL-1.0
#include "figures.hpp"

namespace load {

namespace {

double divided(double dividend, double divisor) {
    return divisor > 0 ? dividend / divisor : 0;
}

std::uint64_t operations_while_running(run_mode mode, run_result const& result) {
    switch (mode) {
    case run_mode::rate:
        return result.opened_while_running;
    case run_mode::churn:
        return result.opened_while_running + result.replies_while_running;
    case run_mode::echo:
    case run_mode::hold:
    case run_mode::subscribe:
        break;
    }
    return result.replies_while_running;
}

} // namespace

double per_second(std::uint64_t count, double seconds) {
    return divided(static_cast<double>(count), seconds);
}

double share_of_wall(run_result const& result) {
    return divided(result.cpu.total_seconds(), result.wall_seconds);
}

double bytes_per_second(options const& settings, run_result const& result) {
    return per_second(result.replies_while_running, result.running_seconds) * settings.size_bytes;
}

observed_figures figures_of(observation const& seen, options const& settings,
                            run_result const& result) {
    auto const seconds = static_cast<double>(seen.cpu_ns) / 1e9;
    auto const operations = operations_while_running(settings.mode, result);
    // Memory may have been given back meanwhile: the difference has a sign.
    auto const grown_bytes =
        static_cast<double>(seen.memory_bytes_open) - static_cast<double>(seen.memory_bytes_before);
    return {.cpu_seconds = seconds,
            .cpu_us_per_operation = divided(seconds * 1e6, static_cast<double>(operations)),
            .cpu_share = divided(seconds, result.running_seconds),
            .memory_bytes_per_connection =
                divided(grown_bytes, static_cast<double>(seen.connections_open))};
}

} // namespace load
