// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/admin/admin_options.hpp>
#include <millipede/admin/engine_state.hpp>
#include <millipede/admin/program_values.hpp>

#include <string>
#include <string_view>

namespace millipede::detail {

/// What `/stats` says, in one line of JSON.
std::string stats_text(engine_state const& state, program_values const& values,
                       admin_options const& about);

/// Whether `/stats` has a member of that name by itself.
bool is_stats_field(std::string_view name);

/// The library's own version.
std::string_view library_version() noexcept;

} // namespace millipede::detail
