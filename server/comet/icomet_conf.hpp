// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "settings.hpp"

#include <string>
#include <vector>

/// Reads icomet's own configuration file as it is: lines `key: value` or `key = value`, nested by
/// TABs, `#` comments. Sets what it names; names that mean nothing here are told.
/// \returns the warnings, to be logged once logging is set up.
/// \throws usage_error that begins with FILE:LINE
std::vector<std::string> apply_icomet_conf(std::string const& file, comet_settings& settings);
