// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "common/endpoint.hpp"

#include <optional>
#include <stdexcept>
#include <string_view>

namespace peers {

enum class codec { frame, raw };

struct options {
    endpoint listen;
    unsigned workers = 1;
    codec speaks = codec::frame;
    bool pin = true;
};

/// What a subject is called, does, and understands beyond --listen and --workers.
struct subject {
    std::string_view name;
    std::string_view purpose;
    bool takes_codec = false;
    bool takes_no_pin = false;
};

/// A command line that cannot be followed, or a place where one cannot listen.
struct usage_error : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// The command line's settings; nothing if it asked for --help or --version and has got it.
/// \throws usage_error
std::optional<options> parse_options(subject const& about, int argument_count,
                                     char const* const* arguments);

} // namespace peers
