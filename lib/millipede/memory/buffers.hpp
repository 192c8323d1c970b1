// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace millipede::detail {

/// How many bytes of buffers a worker may hold, and holds. One thread.
class buffer_budget {
  public:
    explicit buffer_budget(std::size_t max_bytes) noexcept : max_bytes_{max_bytes} {}

    /// Whether `bytes` more are granted.
    bool take(std::size_t bytes) noexcept {
        if (bytes > max_bytes_ - used_bytes_) return false;
        used_bytes_ += bytes;
        return true;
    }
    void give_back(std::size_t bytes) noexcept {
        assert(bytes <= used_bytes_);
        used_bytes_ -= bytes;
    }
    std::size_t used_bytes() const noexcept { return used_bytes_; }

  private:
    std::size_t max_bytes_;
    std::size_t used_bytes_ = 0;
};

/// Buffers in a few sizes, kept for the next taker; within a budget. Sizes grow in steps, so that
/// a peer that sends a slow frame costs about what it has sent. One thread.
class buffer_pool {
  public:
    struct buffer {
        std::unique_ptr<std::byte[]> data;
        std::size_t capacity = 0;
    };

    explicit buffer_pool(buffer_budget& budget) noexcept : budget_{&budget} {}

    /// A buffer of at least `bytes`; without data when the budget is used up.
    /// \throws std::bad_alloc
    buffer take(std::size_t bytes);
    void give_back(buffer returned) noexcept;

    buffer_budget& budget() noexcept { return *budget_; }

  private:
    static constexpr std::array<std::size_t, 4> sizes{512, 4'096, 16'384, 65'536};
    static constexpr std::size_t kept_bytes_per_size = 1024 * 1024;

    buffer_budget* budget_;
    std::array<std::vector<std::unique_ptr<std::byte[]>>, sizes.size()> kept_;
};

/// The bytes of an incomplete message between two reads. Holds a buffer only while there are any.
/// Give it back with `release` before the end. One thread.
class spill {
  public:
    spill() = default;
    ~spill() { assert(buffer_.capacity == 0); }
    spill(spill const&) = delete;
    spill& operator=(spill const&) = delete;

    bool empty() const noexcept { return size_ == 0; }
    std::size_t size() const noexcept { return size_; }
    std::span<std::byte const> bytes() const noexcept { return {buffer_.data.get(), size_}; }

    /// Appends a copy; false when the budget is used up.
    bool append(std::span<std::byte const> bytes, buffer_pool& pool);
    /// Forgets the first `count` bytes.
    void drop_front(std::size_t count, buffer_pool& pool) noexcept;
    void release(buffer_pool& pool) noexcept;

    /// The size that the next message has in all, as far as its codec knows; 0: unknown.
    std::size_t needed = 0;

  private:
    buffer_pool::buffer buffer_;
    std::size_t size_ = 0;
};

} // namespace millipede::detail
