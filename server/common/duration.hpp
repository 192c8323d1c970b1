// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <chrono>
#include <iosfwd>
#include <string>
#include <string_view>

/// A time on a command line: a whole number and its unit, one of ms, s, m, h: "300s", "100ms".
struct duration {
    std::chrono::milliseconds value{};
};

/// \throws std::invalid_argument saying what is wrong with `text`.
duration parse_duration(std::string_view text);

/// In the largest unit that fits without a rest.
std::string to_string(duration value);

/// For Boost.Program_options.
std::istream& operator>>(std::istream& stream, duration& value);
std::ostream& operator<<(std::ostream& stream, duration const& value);
