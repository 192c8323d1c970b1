// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "common/settings_table.hpp"

#include <chrono>
#include <concepts>
#include <string>
#include <type_traits>
#include <utility>

/// A time with its unit; the help ends with the default, which is the value of `target` now.
setting time_setting(std::string name, std::string help, std::chrono::milliseconds& target);

/// A whole number of `least` to `most`.
template <std::unsigned_integral Number>
setting number_setting(std::string name, std::string help, Number& target,
                       std::type_identity_t<Number> least, std::type_identity_t<Number> most) {
    return {std::move(name), "N", std::move(help), [&target, least, most](std::string const& text) {
                target = static_cast<Number>(parse_number(text, least, most));
            }};
}
