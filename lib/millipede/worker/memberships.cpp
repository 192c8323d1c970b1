// SPDX-License-Identifier: BSL-1.0
#include <millipede/worker/memberships.hpp>

#include <utility>

namespace millipede::detail {
namespace {

// A list with room for fewer is not worth being made smaller.
constexpr std::size_t small_list = 64;

} // namespace

bool memberships::join(group_state& joined, std::uint32_t slot) {
    if (slot >= first_of_.size()) first_of_.resize(slot + std::size_t{1}, none);
    for (auto index = first_of_[slot]; index != none; index = all_[index].next)
        if (all_[index].of == &joined) return false;
    auto& members = joined.on(worker_).members;
    auto index = take_free();
    try {
        members.push_back({slot, index});
    } catch (...) {
        all_[index].next = std::exchange(free_, index);
        throw;
    }
    auto place = static_cast<std::uint32_t>(members.size() - 1);
    all_[index] = {&joined, place, std::exchange(first_of_[slot], index)};
    ++count_;
    return true;
}

bool memberships::leave(group_state& left, std::uint32_t slot) noexcept {
    if (slot >= first_of_.size()) return false;
    for (auto* link = &first_of_[slot]; *link != none; link = &all_[*link].next) {
        auto index = *link;
        if (all_[index].of != &left) continue;
        *link = all_[index].next;
        remove(index);
        return true;
    }
    return false;
}

void memberships::leave_all(std::uint32_t slot) noexcept {
    if (slot >= first_of_.size()) return;
    auto next = std::exchange(first_of_[slot], none);
    while (next != none) {
        auto index = std::exchange(next, all_[next].next);
        remove(index);
    }
}

std::uint32_t memberships::take_free() {
    if (free_ == none) {
        all_.emplace_back();
        return static_cast<std::uint32_t>(all_.size() - 1);
    }
    return std::exchange(free_, all_[free_].next);
}

// It is on no connection's list any more.
void memberships::remove(std::uint32_t index) noexcept {
    auto& gone = all_[index];
    auto& part = gone.of->on(worker_);
    take_out(part, gone.place);
    part.expected.fetch_sub(1, std::memory_order_relaxed);
    gone.next = std::exchange(free_, index);
    --count_;
    gone.of.reset(); // the group may end with its last member
}

// The hole is filled from the end of the list. While a message is sent to the first of them, from
// behind, they have to stay those who have not had it: their last one moves first.
void memberships::take_out(group_part& part, std::uint32_t place) noexcept {
    auto& members = part.members;
    auto fill = [&](std::uint32_t from) {
        if (place == from) return;
        members[place] = members[from];
        all_[members[place].membership].place = place;
        place = from;
    };
    if (place < part.unsent) fill(--part.unsent);
    fill(static_cast<std::uint32_t>(members.size() - 1));
    members.pop_back();
    if (members.capacity() > small_list && members.size() < members.capacity() / 4)
        members.shrink_to_fit(); // which leaves it as it is when there is no memory
}

} // namespace millipede::detail
