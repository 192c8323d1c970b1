// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <sys/mman.h>

#include <cassert>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <new>
#include <system_error>
#include <type_traits>

namespace millipede::detail {

/// No slot.
inline constexpr std::uint32_t no_slot = UINT32_MAX;

/// The links of a record that is on a list, by slot number: half the size of pointers.
struct list_links {
    std::uint32_t previous = no_slot;
    std::uint32_t next = no_slot;
};

/// A fixed number of equal slots in one allocation made at start. Every slot begins with a
/// `Record`, then `extra_bytes` for whoever owns the slot. A page takes memory from the first use
/// of a slot on it; freed slots are used again first (last in, first out: warm in the cache, and
/// the touched part stays small). One thread.
///
/// `Record` has `std::uint32_t generation`, which changes when the slot is freed, so that old
/// names of the slot are known for stale, and `list_links links`, used here while it is free.
template <class Record>
class slots {
    static_assert(std::is_trivially_destructible_v<Record>);

  public:
    /// The bytes from one slot to the next.
    static constexpr std::size_t stride(std::size_t extra_bytes) noexcept {
        constexpr auto unit = alignof(std::max_align_t) / 2;
        return (sizeof(Record) + extra_bytes + unit - 1) / unit * unit;
    }

    /// \throws std::system_error when the system does not grant the memory.
    slots(std::uint32_t count, std::size_t extra_bytes)
        : count_{count}, stride_{stride(extra_bytes)} {
        auto* memory =
            ::mmap(nullptr, bytes(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED)
            throw std::system_error{errno, std::system_category(), "memory for connection slots"};
        memory_ = static_cast<std::byte*>(memory);
        // A huge page would be touched as a whole by the first slot in it.
        ::madvise(memory_, bytes(), MADV_NOHUGEPAGE);
    }
    ~slots() { ::munmap(memory_, bytes()); }
    slots(slots const&) = delete;
    slots& operator=(slots const&) = delete;

    /// A slot to use, or `no_slot` when all are in use.
    std::uint32_t allocate() noexcept {
        if (free_ != no_slot) {
            auto slot = free_;
            free_ = (*this)[slot].links.next;
            (*this)[slot].links = {};
            ++in_use_;
            return slot;
        }
        if (touched_ == count_) return no_slot;
        new (memory_ + touched_ * stride_) Record{};
        (*this)[touched_].generation = 1;
        ++in_use_;
        return touched_++;
    }

    /// Gives the slot back; every name it had is stale from now on.
    void release(std::uint32_t slot) noexcept {
        assert(in_use_ > 0);
        auto generation = (*this)[slot].generation + 1;
        (*this)[slot] = Record{};
        (*this)[slot].generation = generation == 0 ? 1 : generation;
        (*this)[slot].links.next = free_;
        free_ = slot;
        --in_use_;
    }

    Record& operator[](std::uint32_t slot) noexcept {
        assert(slot < count_);
        return *std::launder(reinterpret_cast<Record*>(memory_ + slot * stride_));
    }

    std::uint32_t slot_of(Record const& record) const noexcept {
        return static_cast<std::uint32_t>(
            static_cast<std::size_t>(reinterpret_cast<std::byte const*>(&record) - memory_) /
            stride_);
    }

    /// All slots below this number have been used at least once, none above.
    std::uint32_t touched() const noexcept { return touched_; }
    std::uint32_t in_use() const noexcept { return in_use_; }
    std::uint32_t count() const noexcept { return count_; }

  private:
    std::size_t bytes() const noexcept { return count_ * stride_; }

    std::byte* memory_ = nullptr;
    std::uint32_t count_;
    std::size_t stride_;
    std::uint32_t touched_ = 0;
    std::uint32_t in_use_ = 0;
    std::uint32_t free_ = no_slot;
};

} // namespace millipede::detail
