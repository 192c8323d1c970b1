// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/base/options.hpp>

#include <string>
#include <vector>

/// Reads MarioTCP's init.conf: lines NAME VALUE, split by blanks; `#` begins a comment line. PORT,
/// TIMEOUT (seconds), WORKERNUM and CONNNUM (per worker) set `limits`; USERNUM and FILENUM are
/// known and unused; other names are ignored, with a warning, as the original did.
/// \returns the warnings, to be logged once logging is set up.
/// \throws usage_error that begins with FILE:LINE
std::vector<std::string> apply_init_conf(std::string const& file, millipede::options& limits);
