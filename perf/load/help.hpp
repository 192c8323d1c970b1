// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <boost/program_options/options_description.hpp>

#include <ostream>

namespace load {

void print_help(std::ostream& out, boost::program_options::options_description const& described);

} // namespace load
