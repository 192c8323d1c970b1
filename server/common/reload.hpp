// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/base/option_changes.hpp>
#include <millipede/process/basic_server.hpp>

#include <functional>
#include <vector>

/// What a program was told when it read its settings again.
struct settings_read_again {
    millipede::options limits;
    /// Settings of its own that have changed: it does not take them up while it runs.
    std::vector<millipede::option_change> need_restart{};
    /// Settings of its own that have changed, and hold when `take_up` has been called.
    std::vector<millipede::option_change> applied{};
    /// Takes up the program's own; may be null. Called once, when `limits` are in force; must not
    /// throw: all that may fail comes before.
    std::function<void()> take_up{};
};

/// From now on SIGHUP has the server go by what `read` returns, as far as a running one can, and
/// the log says what was changed and what needs a restart. When `read` throws, or an option cannot
/// work, nothing is changed, and one line says why. The log level is then that of the settings
/// again, whoever changed it meanwhile. Before the start; `read` outlives the run.
void reload_on_hangup(millipede::basic_server& server, std::function<settings_read_again()> read);
