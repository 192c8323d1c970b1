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
    table.add({"admin", "ADDR:PORT", "metrics, health and a live page by HTTP; see docs/admin.md",
               [&](std::string const& text) { parse_admin(text, settings); }});
    table.add({"admin-token-file", "FILE", "... and the token to ask with; ADDR:PORT,open: none",
               [&](std::string const& text) { settings.token_file = text; }});
    table.at_end([&] {
        if (settings.endpoint.empty() && !settings.token_file.empty())
            throw usage_error{"--admin-token-file: there is no --admin ADDR:PORT"};
    });
}
