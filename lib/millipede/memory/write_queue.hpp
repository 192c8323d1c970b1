// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/wire/payload.hpp>

#include <sys/uio.h>

#include <cassert>
#include <cstddef>
#include <span>
#include <vector>

namespace millipede::detail {

/// Output that a connection's peer has not taken yet, in order. One thread.
class write_queue {
  public:
    bool empty() const noexcept { return bytes_ == 0; }
    /// Bytes not yet written.
    std::size_t bytes() const noexcept { return bytes_; }

    /// What an entry takes beside its bytes (its place here, its heap block): a queue of a million
    /// small messages is mostly that.
    static constexpr std::size_t entry_bytes = 64;
    /// The memory that the queue stands for, for limits and budgets.
    std::size_t held_bytes() const noexcept {
        return bytes_ + (entries_.size() - front_) * entry_bytes;
    }

    /// A whole message: `drop_oldest` may drop it as long as none of it was written.
    void push_message(payload message) { push(std::move(message), true); }
    /// Bytes that must go out whatever happens, such as the rest of a message begun.
    void push_rest(payload bytes) { push(std::move(bytes), false); }

    /// Fills `buffers` with the front of the queue for one gathered write.
    /// \returns how many it filled.
    std::size_t gather(std::span<iovec> buffers) const noexcept;

    /// The first `bytes` were written.
    void consume(std::size_t bytes) noexcept;

    /// Drops whole messages from the front until `held_bytes()` has fallen by `bytes` or none is
    /// left to drop. \returns how many it dropped.
    std::size_t drop_oldest(std::size_t bytes) noexcept;

    void clear() noexcept;

  private:
    struct queued {
        payload bytes;
        std::size_t written = 0;
        bool droppable = false;
    };

    void push(payload bytes, bool droppable);
    void compact() noexcept;

    std::vector<queued> entries_; // those before front_ are done with
    std::size_t front_ = 0;
    std::size_t bytes_ = 0;
};

} // namespace millipede::detail
