// SPDX-License-Identifier: BSL-1.0
#include "common/reports.hpp"

#include <millipede/process/capacity.hpp>

#include <cstdint>
#include <iostream>
#include <sstream>
#include <string_view>

using namespace millipede;

void announce(basic_server const& server) {
    for (auto const& place : server.places())
        std::cout << "listening on " << place << std::endl;
}

void log_totals(basic_server const& server) {
    std::ostringstream text;
    auto totals = server.metrics();
    metrics::for_each(totals, [&](std::string_view name, std::uint64_t value) {
        text << ' ' << name << '=' << value;
    });
    log(info) << "totals:" << text.str() << " log_lines_dropped=" << log_lines_dropped();
}

void warn_of_limits(options const& wanted) {
    for (auto const& line : capacity_warnings(wanted))
        log(warning) << line << "; see millipede-doctor";
}
