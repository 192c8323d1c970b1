// SPDX-License-Identifier: BSL-1.0
#include <millipede/worker/output_budget.hpp>

#include <bit>
#include <new>
#include <utility>

namespace millipede::detail {

output_budget::output_budget(std::size_t max_bytes, std::uint32_t workers,
                             std::function<void(std::uint32_t)> ask)
    : max_bytes_{max_bytes}, members_(workers), ask_{std::move(ask)} {}

void output_budget::join(std::uint32_t worker, single_writer<std::uint64_t> const& held_bytes,
                         single_writer<std::uint64_t> const& size_classes) noexcept {
    members_[worker].held_bytes = &held_bytes;
    members_[worker].size_classes = &size_classes;
}

bool output_budget::exceeded() const noexcept {
    auto max = max_bytes();
    if (max == 0) return false;
    std::uint64_t held = 0;
    for (auto const& each : members_)
        held += each.held_bytes->load();
    return held > max - max / 16;
}

std::uint32_t output_budget::holder_of_the_largest(time_point now) const noexcept {
    auto overdue = (now - patience).time_since_epoch().count();
    std::uint32_t found = nobody;
    int largest_class = 0;
    std::uint64_t most_bytes = 0;
    for (std::uint32_t worker = 0; worker < members_.size(); ++worker) {
        auto const& each = members_[worker];
        auto size_class = static_cast<int>(std::bit_width(each.size_classes->load()));
        auto bytes = each.held_bytes->load();
        if (size_class == 0 || size_class < largest_class) continue;
        if (size_class == largest_class && bytes <= most_bytes) continue;
        auto asked_at = each.asked_at.load(std::memory_order_relaxed);
        if (asked_at != 0 && asked_at < overdue) continue;
        found = worker;
        largest_class = size_class;
        most_bytes = bytes;
    }
    return found;
}

void output_budget::ask(std::uint32_t worker, time_point now) noexcept {
    ticks not_asked = 0;
    auto& asked_at = members_[worker].asked_at;
    if (!asked_at.compare_exchange_strong(not_asked, now.time_since_epoch().count(),
                                          std::memory_order_relaxed))
        return;
    try {
        ask_(worker);
    } catch (std::bad_alloc const&) {
        answered(worker); // whoever grows next asks again
    }
}

void output_budget::answered(std::uint32_t worker) noexcept {
    members_[worker].asked_at.store(0, std::memory_order_relaxed);
}

} // namespace millipede::detail
