// SPDX-License-Identifier: BSL-1.0
#include <millipede/process/capacity.hpp>

#include <millipede/process/capacity_advice.hpp>

#include <algorithm>

namespace millipede {
namespace {

// The connections of a server in all, before its options were validated.
capacity_question question_of(options const& wanted, machine const& found) {
    capacity_question asked;
    asked.workers = wanted.workers != 0 ? wanted.workers : found.processors_online;
    asked.connections = std::uint64_t{asked.workers} * wanted.connections_per_worker;
    if (wanted.connections_max != 0)
        asked.connections = std::min<std::uint64_t>(asked.connections, wanted.connections_max);
    asked.tls = std::any_of(wanted.listen.begin(), wanted.listen.end(),
                            [](auto const& each) { return each.tls.has_value(); });
    asked.transport = wanted.transport;
    return asked;
}

} // namespace

std::vector<std::string> capacity_warnings(options const& wanted) {
    if (wanted.connections_per_worker == 0) return {};
    return capacity_warnings(wanted, read_machine());
}

std::vector<std::string> capacity_warnings(options const& wanted, machine const& found) {
    auto asked = question_of(wanted, found);
    std::vector<std::string> lines;
    for (auto const& limit : capacity_of(found, asked).limits) {
        if (limit.allows >= asked.connections) break;
        auto shown = [&](std::uint64_t number) {
            return limit.in_bytes ? detail::in_bytes(number) : detail::with_thousands(number);
        };
        auto line = limit.name + ": " + shown(limit.value) + " is enough for " +
                    detail::with_thousands(limit.allows) + " of " +
                    detail::with_thousands(asked.connections) + " connections, which need " +
                    shown(limit.needs);
        for (auto const& each : limit.remedies)
            line += "; " + each.where + ": " + each.line;
        lines.push_back(std::move(line));
    }
    return lines;
}

} // namespace millipede
