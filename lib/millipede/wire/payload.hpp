// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <boost/smart_ptr/intrusive_ptr.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <span>
#include <string_view>

namespace millipede {

/// The bytes of `text`, as they stand.
inline std::span<std::byte const> as_bytes(std::string_view text) noexcept {
    return std::as_bytes(std::span{text.data(), text.size()});
}

/// Immutable bytes with shared ownership: encoded once, queued at any number of connections, and
/// freed with the last of them. One pointer in size, one heap block in all.
///
/// Thread contract: like `shared_ptr<T const>`; copies may live in different threads.
class payload {
  public:
    /// No bytes.
    payload() noexcept = default;

    /// A copy of `bytes`, at most 4 GiB.
    explicit payload(std::span<std::byte const> bytes) : payload{bytes, {}} {}

    /// A copy of two pieces, one after the other.
    payload(std::span<std::byte const> first, std::span<std::byte const> second)
        : block_{allocate(first.size() + second.size())} {
        if (!first.empty()) std::memcpy(data_of(*block_), first.data(), first.size());
        if (!second.empty())
            std::memcpy(data_of(*block_) + first.size(), second.data(), second.size());
    }

    /// The bytes, as long as an owner is left.
    std::span<std::byte const> bytes() const noexcept {
        if (!block_) return {};
        return {data_of(*block_), block_->size};
    }
    /// How many they are.
    std::size_t size() const noexcept { return block_ ? block_->size : 0; }
    /// Whether there are none.
    bool empty() const noexcept { return size() == 0; }

    /// Whether there are other owners at this moment; they may let go at any time.
    bool shared() const noexcept {
        return block_ && block_->owners.load(std::memory_order_relaxed) > 1;
    }

  private:
    struct block {
        std::atomic<std::uint32_t> owners{0};
        std::uint32_t size = 0;

        friend void intrusive_ptr_add_ref(block* self) noexcept {
            self->owners.fetch_add(1, std::memory_order_relaxed);
        }
        friend void intrusive_ptr_release(block* self) noexcept {
            if (self->owners.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
            self->~block();
            ::operator delete(self);
        }
    };

    static std::byte* data_of(block& header) noexcept {
        return reinterpret_cast<std::byte*>(&header + 1);
    }
    static block* allocate(std::size_t size) {
        if (size > UINT32_MAX) throw std::bad_alloc{};
        auto* header = new (::operator new(sizeof(block) + size)) block;
        header->size = static_cast<std::uint32_t>(size);
        return header;
    }

    boost::intrusive_ptr<block> block_;
};

} // namespace millipede
