// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/base/options.hpp>

#include <string>

/// Reads MarioTCP's init.conf: lines NAME VALUE, split by blanks; `#` begins a comment line. PORT,
/// TIMEOUT (seconds), WORKERNUM and CONNNUM (per worker) set `limits`; USERNUM and FILENUM are
/// known and unused; other names are warned about in the log and ignored, as the original did.
/// \throws usage_error that begins with FILE:LINE
void apply_init_conf(std::string const& file, millipede::options& limits);
