// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/memory/slots.hpp>

#include <cstdint>

namespace millipede::detail {

/// Slots in the order of their last activity, oldest first: with one fixed timeout for all, only
/// the front can be overdue, so a timeout costs O(1) per event and no timer per connection. A slot
/// is on one list at a time. Time is counted in ticks, so that a busy connection moves at most
/// once per tick. One thread.
template <class Record>
class idle_list {
  public:
    explicit idle_list(slots<Record>& records) noexcept : records_{&records} {}

    bool empty() const noexcept { return front_ == no_slot; }
    std::uint32_t front() const noexcept { return front_; }

    /// Puts a slot that is on no list behind all others, active at `tick`.
    void push_back(std::uint32_t slot, std::uint32_t tick) noexcept {
        auto& record = (*records_)[slot];
        record.active_tick = tick;
        record.links = {back_, no_slot};
        if (back_ == no_slot)
            front_ = slot;
        else
            (*records_)[back_].links.next = slot;
        back_ = slot;
    }

    void remove(std::uint32_t slot) noexcept {
        auto links = (*records_)[slot].links;
        if (links.previous == no_slot)
            front_ = links.next;
        else
            (*records_)[links.previous].links.next = links.next;
        if (links.next == no_slot)
            back_ = links.previous;
        else
            (*records_)[links.next].links.previous = links.previous;
        (*records_)[slot].links = {};
    }

    /// The slot was active at `tick`.
    void touch(std::uint32_t slot, std::uint32_t tick) noexcept {
        if ((*records_)[slot].active_tick == tick) return;
        remove(slot);
        push_back(slot, tick);
    }

    /// The front if it has been inactive for `limit_ticks` or more, else `no_slot`. A limit of 0
    /// means none.
    std::uint32_t overdue(std::uint32_t tick, std::uint32_t limit_ticks) const noexcept {
        if (front_ == no_slot || limit_ticks == 0) return no_slot;
        return tick - (*records_)[front_].active_tick >= limit_ticks ? front_ : no_slot;
    }

  private:
    slots<Record>* records_;
    std::uint32_t front_ = no_slot;
    std::uint32_t back_ = no_slot;
};

} // namespace millipede::detail
