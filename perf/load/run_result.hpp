// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "observed_process.hpp"
#include "statistics.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace load {

struct run_result {
    statistics total;

    double wall_seconds = 0;
    double opening_seconds = 0;
    double running_seconds = 0;
    std::uint64_t opened_while_opening = 0;
    std::uint64_t opened_while_running = 0;
    std::uint64_t replies_while_running = 0;
    std::uint64_t rounds = 0;
    std::uint64_t rounds_late = 0; // of --settle; took longer than their second

    bool opened_all = false; // the opening was neither cut short nor met an error
    bool interrupted = false;
    bool deadline_exceeded = false;
    bool too_many_errors = false;
    bool threads_stuck = false;

    std::optional<observation> observed; // of --observe, unless that failed

    cpu_time cpu;
    double busiest_thread_share = 0; // CPU time per wall time of its busiest thread while running
};

// One line that says why the run failed; empty if every expectation held.
struct options;
std::string failure_reason(options const& settings, run_result const& result);

} // namespace load
