// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/admin/admin_options.hpp>
#include <millipede/admin/engine_state.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace prometheus {
class Collectable;
}

namespace millipede::detail {

/// What the program has to say of itself, and gives the endpoint functions for.
struct program_values {
    struct value {
        admin_value about;
        bool only_rises;
        std::function<double()> read;
    };
    struct alarm {
        std::string name;
        alarm_severity severity;
        std::function<std::optional<std::string>()> look;
    };
    struct readiness {
        std::string name;
        std::function<std::optional<std::string>()> look;
    };

    std::vector<value> values{};
    std::vector<alarm> alarms{};
    std::vector<readiness> checks{};
    std::vector<std::shared_ptr<prometheus::Collectable>> collectables{};

    /// Asks alarms and checks, and adds what they say.
    void add_to(engine_state& state) const;
    /// Nothing when the program's function throws.
    static std::optional<double> read(value const& from);
};

} // namespace millipede::detail
