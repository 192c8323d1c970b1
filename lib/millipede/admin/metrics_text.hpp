// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/admin/admin_options.hpp>
#include <millipede/admin/engine_state.hpp>
#include <millipede/admin/program_values.hpp>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace millipede::detail {

/// What the endpoint counts of itself.
struct admin_counts {
    std::uint64_t connections = 0;               ///< There now.
    std::map<unsigned, std::uint64_t> answers{}; ///< By status.
};

/// What `/metrics` says, in Prometheus' text format 0.0.4.
std::string metrics_text(engine_state const& state, program_values const& values,
                         admin_options const& about, admin_counts const& own);

/// Whether a metric's name is fit for use, and none of the library's own.
bool is_free_metric_name(std::string_view name);

} // namespace millipede::detail
