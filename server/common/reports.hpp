// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/process/basic_server.hpp>

/// Says on standard output where the server listens, a line for each place: it is ready.
void announce(millipede::basic_server const& server);

/// Logs what was counted, in one line.
void log_totals(millipede::basic_server const& server);

/// Logs a warning for each limit of this machine that ends the connections before the number that
/// the options ask for.
void warn_of_limits(millipede::options const& wanted);
