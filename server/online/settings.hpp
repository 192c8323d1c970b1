// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "common/admin_settings.hpp"

#include <millipede/base/options.hpp>
#include <millipede/wire/frame.hpp>

#include <chrono>
#include <string>
#include <vector>

/// All that can be set on millipede-online.
struct online_settings {
    millipede::options limits{.listen = {"0.0.0.0:8082"}};
    millipede::frame_codec::settings frames{};
    admin_settings admin{};
    std::chrono::milliseconds report_every = std::chrono::minutes{1};
    std::vector<std::string> warnings{}; ///< About files; to be logged at start.
};

/// From the command line and the files it names. \returns false when there is nothing to run.
/// \throws usage_error
bool read_online_settings(online_settings& settings, int argc, char const* const* argv);
