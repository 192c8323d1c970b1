// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "common/settings_table.hpp"

#include <millipede/base/options.hpp>

/// Adds how a program stands among other processes, and has it speak to systemd and hand over to a
/// new version on SIGUSR2.
void add_process_settings(settings_table& table, millipede::options& limits);
