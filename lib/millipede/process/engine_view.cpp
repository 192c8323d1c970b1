// SPDX-License-Identifier: BSL-1.0
#include <millipede/process/engine_view.hpp>

#include <algorithm>
#include <set>

namespace millipede::detail {

std::uint64_t engine_view::connections_max() const noexcept {
    auto slots = std::uint64_t{limits().workers} * limits().connections_per_worker;
    return limits().connections_max == 0 ? slots
                                         : std::min<std::uint64_t>(slots, limits().connections_max);
}

bool engine_view::count_commands() noexcept {
    if (!started()) server_->counts_commands_ = true;
    return server_->counts_commands_;
}

std::vector<std::uint16_t> engine_view::commands() const {
    std::set<std::uint16_t> all;
    for (auto const* speaker : server_->protocols_)
        for (auto command : speaker->commands())
            all.insert(command);
    return {all.begin(), all.end()};
}

} // namespace millipede::detail
