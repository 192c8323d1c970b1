// SPDX-License-Identifier: BSL-1.0
#include "common/setting_kinds.hpp"

#include "common/duration.hpp"

setting time_setting(std::string name, std::string help, std::chrono::milliseconds& target) {
    help += " [" + to_string(duration{target}) + "]";
    return {std::move(name), "TIME", std::move(help),
            [&target](std::string const& text) { target = parse_duration(text).value; }};
}
