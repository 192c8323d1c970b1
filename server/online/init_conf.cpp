// SPDX-License-Identifier: BSL-1.0
#include "init_conf.hpp"

#include "common/config_file.hpp"

#include <millipede/base/connection_id.hpp>

#include <chrono>
#include <sstream>
#include <stdexcept>
#include <string_view>

namespace {

using millipede::connection_id;

// False for a name that means nothing.
bool apply_line(std::string const& name, std::string const& value, millipede::options& limits) {
    auto number = [&](std::uint64_t least, std::uint64_t most) {
        return static_cast<std::uint32_t>(parse_number(value, least, most));
    };
    if (name == "PORT")
        limits.listen = {"0.0.0.0:" + std::to_string(number(0, 65'535))};
    else if (name == "TIMEOUT")
        limits.idle_timeout = std::chrono::seconds{number(0, 31'536'000)};
    else if (name == "WORKERNUM")
        limits.workers = number(1, connection_id::workers_max);
    else if (name == "CONNNUM")
        limits.connections_per_worker = number(1, connection_id::slots_max);
    else if (name == "USERNUM" || name == "FILENUM")
        number(0, UINT32_MAX);
    else
        return false;
    return true;
}

} // namespace

std::vector<std::string> apply_init_conf(std::string const& file, millipede::options& limits) {
    std::vector<std::string> warnings;
    for_each_line(file, [&](std::string const& where, std::string_view line) {
        std::istringstream words{std::string{line}};
        std::string name, value, rest;
        words >> name >> value >> rest;
        if (value.empty() || !rest.empty())
            throw usage_error{where + ": '" + std::string{line} + "'; lines are NAME VALUE"};
        try {
            if (!apply_line(name, value, limits))
                warnings.push_back(where + ": unknown name '" + name + "' ignored");
        } catch (std::invalid_argument const& refusal) {
            throw usage_error{where + ": " + name + ": " + refusal.what()};
        }
    });
    return warnings;
}
