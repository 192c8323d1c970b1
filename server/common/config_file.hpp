// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "common/settings_table.hpp"

#include <functional>
#include <string>
#include <string_view>

/// Calls `f(where, line)` for every line of the file that is neither empty nor a comment (`#` as
/// its first character that is not blank); `where` is "FILE:LINE". Blanks around are stripped.
/// \throws usage_error when the file cannot be read
void for_each_line(std::string const& file,
                   std::function<void(std::string const& where, std::string_view line)> const& f);

/// Applies a configuration file: lines `name = value`, by the long names of the command line.
/// \throws usage_error that begins with FILE:LINE
void apply_config_file(std::string const& file, settings_table const& table);
