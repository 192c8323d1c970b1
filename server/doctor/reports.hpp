// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/process/capacity.hpp>

#include <string>

/// For people: at most 80 columns, unless a line that changes a limit is longer. \param coloured
/// with the terminal's escape sequences.
std::string as_text(millipede::capacity const& verdict, bool coloured);

/// For programs: one object, in one line. What has no limit is null.
std::string as_json(millipede::capacity const& verdict);
