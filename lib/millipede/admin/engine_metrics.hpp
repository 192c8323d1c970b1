// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/admin/engine_state.hpp>
#include <millipede/admin/metric_families.hpp>

namespace millipede::detail {

/// The counters of `metrics`, all of them: those that belong together as one family with labels.
void add_totals(metric_families& to, metrics const& totals);

/// What each worker has.
void add_workers(metric_families& to, engine_state const& state);

} // namespace millipede::detail
