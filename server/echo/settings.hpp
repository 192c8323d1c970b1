// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "common/admin_settings.hpp"

#include <millipede/base/options.hpp>
#include <millipede/wire/fixed.hpp>
#include <millipede/wire/frame.hpp>
#include <millipede/wire/length_prefixed.hpp>
#include <millipede/wire/line.hpp>
#include <millipede/wire/raw.hpp>

#include <variant>

/// One of those that `--codec` names.
using any_codec = std::variant<millipede::frame_codec, millipede::line_codec, millipede::raw_codec,
                               millipede::length_prefixed_codec, millipede::fixed_codec>;

/// All that can be set on millipede-echo.
struct echo_settings {
    millipede::options limits{.listen = {"0.0.0.0:8007"}};
    any_codec codec{};
    admin_settings admin{};
};

/// From the command line and the files it names. \returns false when there is nothing to run.
/// \throws usage_error
bool read_echo_settings(echo_settings& settings, int argc, char const* const* argv);
