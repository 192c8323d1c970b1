// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/base/metrics.hpp>
#include <millipede/memory/slots.hpp>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace millipede::detail {

/// The place of a slot in a `size_order`.
struct size_place {
    size_place* previous = nullptr;
    size_place* next = nullptr;
    std::uint32_t slot = no_slot;
    std::uint8_t size_class = 0; ///< 0: in none.
};

/// Slots by the size of what they hold: the largest is found without looking at the others, to
/// within a factor of two, for there is one list per power of two. All operations are O(1), and a
/// slot whose size changes moves only when it comes into another class. One thread; `classes` may
/// be read by any.
class size_order {
  public:
    size_order() = default;
    size_order(size_order const&) = delete;
    size_order& operator=(size_order const&) = delete;

    /// `slot` holds so many bytes from now on; with 0 it leaves the order.
    void place(size_place& at, std::uint32_t slot, std::size_t bytes) noexcept {
        auto wanted = static_cast<std::uint8_t>(std::bit_width(bytes));
        if (at.size_class == wanted) return;
        remove(at);
        if (wanted == 0) return;
        auto& front = fronts_[wanted - 1U];
        at = {nullptr, front, slot, wanted};
        if (front) front->previous = &at;
        front = &at;
        classes_ = classes_ | bit_of(wanted);
    }

    /// Takes it out, if it is in.
    void remove(size_place& at) noexcept {
        if (at.size_class == 0) return;
        auto& front = fronts_[at.size_class - 1U];
        (at.previous ? at.previous->next : front) = at.next;
        if (at.next) at.next->previous = at.previous;
        if (!front) classes_ = classes_ & ~bit_of(at.size_class);
        at = {};
    }

    /// One of the largest class; `no_slot` when there is none at all.
    std::uint32_t largest() const noexcept {
        auto classes = classes_.load();
        return classes == 0 ? no_slot
                            : fronts_[static_cast<std::size_t>(std::bit_width(classes)) - 1]->slot;
    }

    /// The classes that are not empty, a bit each: the highest is that of the largest.
    single_writer<std::uint64_t> const& classes() const noexcept { return classes_; }

  private:
    static constexpr std::uint64_t bit_of(std::uint8_t size_class) noexcept {
        return std::uint64_t{1} << (size_class - 1U);
    }

    std::array<size_place*, 64> fronts_{};
    single_writer<std::uint64_t> classes_;
};

} // namespace millipede::detail
