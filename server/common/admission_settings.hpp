// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "common/settings_table.hpp"

#include <millipede/base/options.hpp>

/// Adds who is let in and what a peer may do: limits on connections, on their rates, on how long a
/// message may take, and how peers that are gone are found. All are off unless set.
void add_admission_settings(settings_table& table, millipede::options& limits);
