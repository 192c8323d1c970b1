// SPDX-License-Identifier: BSL-1.0
#include <millipede/admin/program_values.hpp>

#include <exception>

namespace millipede::detail {
namespace {

// A check that cannot be made is one that fails.
std::optional<std::string> ask(std::function<std::optional<std::string>()> const& look) {
    try {
        return look();
    } catch (std::exception const& failure) {
        return std::string{"the check failed: "} + failure.what();
    } catch (...) {
        return "the check failed";
    }
}

} // namespace

void program_values::add_to(engine_state& state) const {
    for (auto const& check : checks)
        if (auto why = ask(check.look)) state.not_ready.push_back(check.name + ": " + *why);
    for (auto const& each : alarms)
        if (auto text = ask(each.look)) state.alarms.push_back({each.name, each.severity, *text});
}

std::optional<double> program_values::read(value const& from) {
    try {
        return from.read();
    } catch (...) {
        return std::nullopt;
    }
}

} // namespace millipede::detail
