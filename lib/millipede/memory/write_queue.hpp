// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/memory/output_ledger.hpp>
#include <millipede/wire/payload.hpp>

#include <sys/uio.h>

#include <cassert>
#include <cstddef>
#include <span>
#include <vector>

namespace millipede::detail {

/// Output that a connection's peer has not taken yet, in order. What it holds is counted in the
/// ledger that its functions are given, always the same one; `clear` it before its end. One thread.
class write_queue {
  public:
    write_queue() = default;
    ~write_queue() { assert(entries_.size() == front_); }
    write_queue(write_queue const&) = delete;
    write_queue& operator=(write_queue const&) = delete;

    bool empty() const noexcept { return bytes_ == 0; }
    /// Bytes not yet written.
    std::size_t bytes() const noexcept { return bytes_; }

    static constexpr std::size_t entry_bytes = output_ledger::entry_bytes;
    /// The size of the queue for the limit of its connection: every byte counts, shared or not.
    std::size_t held_bytes() const noexcept {
        return bytes_ + (entries_.size() - front_) * entry_bytes;
    }

    /// A whole message that `drop_oldest` may drop as long as none of it was written. False when
    /// the ledger's budget is used up. \throws std::bad_alloc
    [[nodiscard]] bool push_droppable(payload message, output_ledger& ledger) {
        return push(std::move(message), true, ledger);
    }
    /// Bytes that must go out whatever happens: a message that others may not push out, or the
    /// rest of one begun. The same otherwise.
    [[nodiscard]] bool push_lasting(payload bytes, output_ledger& ledger) {
        return push(std::move(bytes), false, ledger);
    }

    /// Fills `buffers` with the front of the queue for one gathered write.
    /// \returns how many it filled.
    std::size_t gather(std::span<iovec> buffers) const noexcept;

    /// The first `bytes` were written.
    void consume(std::size_t bytes, output_ledger& ledger) noexcept;

    struct dropped {
        std::size_t messages = 0;
        std::size_t bytes = 0;
    };
    /// Drops whole messages from the front until `held_bytes()` has fallen by `bytes` or none is
    /// left to drop.
    dropped drop_oldest(std::size_t bytes, output_ledger& ledger) noexcept;

    void clear(output_ledger& ledger) noexcept;

  private:
    struct queued {
        payload bytes;
        std::size_t written = 0;
        bool droppable = false;
        output_ledger::charge charge = output_ledger::charge::none;
    };

    bool push(payload bytes, bool droppable, output_ledger& ledger);
    void compact() noexcept;
    void begin_anew() noexcept;

    std::vector<queued> entries_; // those before front_ are done with
    std::size_t front_ = 0;
    std::size_t bytes_ = 0;
};

} // namespace millipede::detail
