// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/base/options.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace millipede {

/// An option that is to have another value than it has.
struct option_change {
    std::string option; ///< The member of `options`, such as `idle_timeout` or `log.level`.
    std::string before; ///< What it is, for people: `5m`, `262144`.
    std::string after;  ///< What it is to be.

    friend bool operator==(option_change const&, option_change const&) = default;
};

/// What became of options that a running server was given; those that are as they were before are
/// in neither list.
struct reload_report {
    std::vector<option_change> applied;      ///< They hold from now on.
    std::vector<option_change> need_restart; ///< They stay as they are until a restart.

    friend bool operator==(reload_report const&, reload_report const&) = default;
};

/// A line for each: `reloaded: idle_timeout 5m -> 1m`, and as a warning `workers: 2 -> 4 needs a
/// restart`.
void log_changes(reload_report const& report);

namespace detail {

/// What decides beside the option itself whether it can be changed in a running server.
struct reload_conditions {
    options const& started; ///< The options at the start: what connections have room for.
    bool has_heartbeat;     ///< There is a message to ask silent peers by.
};

/// Compares validated options.
reload_report compare(options const& now, options const& wanted, reload_conditions const& given);

/// Copies what `compare` has called applied.
void apply(reload_report const& report, options& to, options const& wanted) noexcept;

/// Copies all that can ever be changed in a running server; the rest of both is the same.
void apply_live(options& to, options const& wanted) noexcept;

/// The names of all options that `compare` knows.
std::vector<std::string_view> compared_options();

} // namespace detail
} // namespace millipede
