// SPDX-License-Identifier: BSL-1.0
#include "common/admin_settings.hpp"

#include <millipede/base/endpoint.hpp>

#include <stdexcept>
#include <string_view>

namespace {

// ADDR:PORT[,open]
void parse_admin(std::string const& text, admin_settings& settings) {
    constexpr std::string_view word{",open"};
    settings.open = text.ends_with(word);
    settings.endpoint = text.substr(0, text.size() - (settings.open ? word.size() : 0));
    millipede::parse_endpoint(settings.endpoint); // throws what is wrong with it
}

} // namespace

void add_admin_settings(settings_table& table, admin_settings& settings) {
    auto const& option = settings.option;
    table.add({option, "ADDR:PORT", "metrics, health and a live page by HTTP; see docs/admin.md",
               [&](std::string const& text) { parse_admin(text, settings); }});
    table.add({option + "-token-file", "FILE",
               "... and the token to ask with; ADDR:PORT,open: none",
               [&](std::string const& text) { settings.token_file = text; }});
    table.at_end([&] {
        if (settings.endpoint.empty() && !settings.token_file.empty())
            throw usage_error{"--" + settings.option + "-token-file: there is no --" +
                              settings.option + " ADDR:PORT"};
    });
}

std::vector<millipede::option_change> admin_changes(admin_settings const& now,
                                                    admin_settings const& wanted) {
    std::vector<millipede::option_change> changes;
    auto compare = [&](std::string const& name, std::string const& before,
                       std::string const& after) {
        if (before != after) changes.push_back({name, before, after});
    };
    auto where = [](admin_settings const& settings) {
        if (settings.endpoint.empty()) return std::string{"(none)"};
        return settings.endpoint + (settings.open ? ",open" : "");
    };
    auto file = [](admin_settings const& settings) {
        return settings.token_file.empty() ? "(none)" : settings.token_file;
    };
    compare(now.option, where(now), where(wanted));
    compare(now.option + "-token-file", file(now), file(wanted));
    return changes;
}
