// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "common/settings_table.hpp"

#include <string>

/// What can be set of a program's admin endpoint.
struct admin_settings {
    std::string endpoint{}; ///< Empty: there is none.
    bool open = false;
    std::string token_file{};
};

/// Adds `--admin ADDR:PORT[,open]` and `--admin-token-file FILE`.
void add_admin_settings(settings_table& table, admin_settings& settings);
