// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "options.hpp"
#include "run_result.hpp"

#include <string>

namespace load {

std::string as_text(options const& settings, run_result const& result);
std::string as_json(options const& settings, run_result const& result); // in json_report.cpp

} // namespace load
