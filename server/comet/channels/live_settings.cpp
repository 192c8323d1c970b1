// SPDX-License-Identifier: BSL-1.0
#include "channels/live_settings.hpp"

#include <utility>

namespace comet {

void settings_in_force::begin(live_settings const& at_start, std::uint32_t workers) {
    for (std::uint32_t worker = 0; worker < workers; ++worker)
        workers_.push_back(std::make_unique<place>(at_start));
}

settings_in_force::copies settings_in_force::copies_of(live_settings const& wanted) const {
    copies made;
    for (std::size_t count = 0; count < workers_.size(); ++count)
        made.push_back(std::make_unique<live_settings>(wanted));
    return made;
}

void settings_in_force::leave(copies wanted) noexcept {
    for (std::size_t worker = 0; worker < workers_.size(); ++worker) {
        auto* left = wanted[worker].release();
        wanted[worker].reset(workers_[worker]->left.exchange(left, std::memory_order_acq_rel));
    }
}

void settings_in_force::take_up(std::uint32_t worker) noexcept {
    auto& here = *workers_[worker];
    std::unique_ptr<live_settings> left{here.left.exchange(nullptr, std::memory_order_acq_rel)};
    if (left) here.in_force = std::move(*left);
}

} // namespace comet
