// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "channels/live_settings.hpp"

#include "common/admin_settings.hpp"

#include <millipede/base/option_changes.hpp>
#include <millipede/base/options.hpp>

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

/// All that can be set on millipede-comet.
struct comet_settings {
    // Subscribers are silent for as long as they live: the system asks after those who are gone.
    millipede::options limits{
        .listen = {"0.0.0.0:8100"},
        .idle_timeout = std::chrono::milliseconds{0},
        .message_timeout = std::chrono::seconds{30},
        .keepalive_idle = std::chrono::minutes{1},
        .keepalive_interval = std::chrono::seconds{15},
        .keepalive_probes = 4,
    };
    millipede::listen_options admin{"127.0.0.1:8000"};
    std::optional<millipede::listen_options> framed{}; ///< Null: no framed TCP.
    comet::live_settings live{};
    admin_settings ops{.option = "ops"}; ///< icomet's admin port is for publishers.
    /// What was said of the server's own settings, to be compared: by the options' names, as it
    /// was written; of those that may stand several times all, with commas between.
    std::map<std::string, std::string> said{};
    std::vector<std::string> warnings{}; ///< About files; to be logged at start.
};

/// What of the server's own settings another reading says otherwise.
millipede::reload_report own_changes(comet_settings const& now, comet_settings const& wanted);

/// What is in force when that has been taken up; of what all servers have it is not of interest.
comet_settings taken_up(comet_settings now, comet_settings const& wanted);

/// From the command line and the files it names. \returns false when there is nothing to run.
/// \throws usage_error
bool read_comet_settings(comet_settings& settings, int argc, char const* const* argv);
