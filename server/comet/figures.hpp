// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "channels/hub.hpp"
#include "channels/tally.hpp"

#include "common/program_admin.hpp"

namespace comet {

/// Shows those who run the server what it counts, and how many channels and subscribers there are.
/// Both outlive `endpoint`.
void add_figures(program_admin& endpoint, tally const& counters, hub const& channels);

/// Logs the same, in one line.
void log_figures(tally const& counters, hub const& channels);

} // namespace comet
