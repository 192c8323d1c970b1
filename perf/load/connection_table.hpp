// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <vector>

namespace load {

enum class connection_state : std::uint8_t { closed, connecting, login_pending, open };

// No buffers: what a connection sends and expects is computed from `key` and the numbers below.
// One line of the cache, for a request on one of very many connections finds all of it cold.
struct alignas(64) connection {
    std::uint64_t key = 0; // unique within the run
    // When it should have been opened; once it is, when the last request should have been sent.
    std::int64_t intended_ns = 0;
    int descriptor = -1;
    std::uint32_t generation = 0; // tells a late event of the slot's last user from ours
    std::uint32_t open_position = 0;
    std::uint32_t asked = 0;          // requests handed to us; the three count modulo 2^32
    std::uint32_t sent = 0;           // requests wholly sent
    std::uint32_t answered = 0;       // replies wholly received and right
    std::uint16_t sent_bytes = 0;     // of request number `sent`
    std::uint16_t answered_bytes = 0; // of the reply awaited now
    std::uint16_t source = 0;         // which local address
    connection_state state = connection_state::closed;
};

// The preallocated slots of one worker, and which of them are free, and which are usable.
class connection_table {
  public:
    explicit connection_table(std::uint32_t capacity);

    connection& operator[](std::uint32_t slot) { return slots_[slot]; }
    std::uint32_t capacity() const { return static_cast<std::uint32_t>(slots_.size()); }
    bool full() const { return free_.empty(); }

    std::uint32_t take();
    void give_back(std::uint32_t slot);

    // The usable ones, dense and in no order, so that one at random is one look-up.
    void mark_open(std::uint32_t slot);
    std::uint32_t open_count() const { return static_cast<std::uint32_t>(open_.size()); }
    std::uint32_t open_at(std::uint32_t position) const { return open_[position]; }
    void swap_open(std::uint32_t position, std::uint32_t other_position);

  private:
    std::vector<connection> slots_;
    std::vector<std::uint32_t> free_;
    std::vector<std::uint32_t> open_;
};

} // namespace load
