// SPDX-License-Identifier: BSL-1.0
#include "connection_table.hpp"

#include <cassert>
#include <utility>

namespace load {

connection_table::connection_table(std::uint32_t capacity) : slots_(capacity) {
    open_.reserve(capacity);
    free_.reserve(capacity);
    for (std::uint32_t slot = capacity; slot > 0; --slot)
        free_.push_back(slot - 1);
}

std::uint32_t connection_table::take() {
    assert(!free_.empty());
    auto const slot = free_.back();
    free_.pop_back();
    auto const generation = slots_[slot].generation + 1;
    slots_[slot] = connection{};
    slots_[slot].generation = generation;
    return slot;
}

void connection_table::give_back(std::uint32_t slot) {
    auto& connection = slots_[slot];
    if (connection.state == connection_state::open) {
        swap_open(connection.open_position, open_count() - 1);
        open_.pop_back();
    }
    connection.state = connection_state::closed;
    connection.descriptor = -1;
    ++connection.generation;
    free_.push_back(slot);
}

void connection_table::mark_open(std::uint32_t slot) {
    slots_[slot].state = connection_state::open;
    slots_[slot].open_position = open_count();
    open_.push_back(slot);
}

void connection_table::swap_open(std::uint32_t position, std::uint32_t other_position) {
    std::swap(open_[position], open_[other_position]);
    slots_[open_[position]].open_position = position;
    slots_[open_[other_position]].open_position = other_position;
}

} // namespace load
