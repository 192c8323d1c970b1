// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "options.hpp"
#include "run_result.hpp"

#include <cstdint>

namespace load {

// What follows from a result, the same for both forms of the report. Without a divisor it is 0.
double per_second(std::uint64_t count, double seconds);
double share_of_wall(run_result const& result);
double bytes_per_second(options const& settings, run_result const& result); // each way

// Above this share of its core a thread of ours, not the server, may be what was measured.
inline constexpr double busy_share = 0.9;

struct observed_figures {
    double cpu_seconds = 0;
    double cpu_us_per_operation = 0; // of an echo; in mode rate of a connection; churn has both
    double cpu_share = 0;            // of one core
    double memory_bytes_per_connection = 0;
};
observed_figures figures_of(observation const& seen, options const& settings,
                            run_result const& result);

} // namespace load
