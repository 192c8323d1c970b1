// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <atomic>
#include <cstddef>

namespace millipede::detail {

/// The bytes of messages that wait for a worker: bounded, so that a sender who is faster than it
/// cannot eat the memory. Any thread.
class byte_room {
  public:
    explicit byte_room(std::size_t bytes_max) noexcept : bytes_max_{bytes_max} {}

    /// False when there is no room for so many. An empty one takes one message of any size. One
    /// that is refused may make another one of the same moment be refused as well.
    bool enter(std::size_t bytes) noexcept {
        if (bytes == 0) return true;
        auto before = inside_.fetch_add(bytes, std::memory_order_relaxed);
        if (before == 0 || before + bytes <= bytes_max_) return true;
        leave(bytes);
        return false;
    }
    void leave(std::size_t bytes) noexcept {
        if (bytes != 0) inside_.fetch_sub(bytes, std::memory_order_relaxed);
    }

    std::size_t inside() const noexcept { return inside_.load(std::memory_order_relaxed); }

  private:
    std::size_t bytes_max_;
    std::atomic<std::size_t> inside_{0};
};

} // namespace millipede::detail
