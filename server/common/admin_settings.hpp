// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "common/settings_table.hpp"

#include <millipede/base/option_changes.hpp>

#include <string>
#include <vector>

/// What can be set of a program's admin endpoint.
struct admin_settings {
    std::string option = "admin"; ///< How the command line calls it.
    std::string endpoint{};       ///< Empty: there is none.
    bool open = false;
    std::string token_file{};
};

/// Adds `--admin ADDR:PORT[,open]` and `--admin-token-file FILE`, or what `option` is called.
void add_admin_settings(settings_table& table, admin_settings& settings);

/// What of it another reading says otherwise; all need a restart. The token is not looked at.
std::vector<millipede::option_change> admin_changes(admin_settings const& now,
                                                    admin_settings const& wanted);
