// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/base/metrics.hpp>

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <type_traits>

namespace millipede::detail {

/// How many messages of each command one worker has handled. Half a megabyte of addresses, of which
/// only pages with commands that have come take memory. The worker's thread writes, any reads.
class command_counts {
  public:
    using cell = single_writer<std::uint64_t>;

    /// \throws std::bad_alloc
    command_counts() : cells_{static_cast<cell*>(std::calloc(commands, sizeof(cell)))} {
        if (!cells_) throw std::bad_alloc{};
    }

    cell* data() noexcept { return cells_.get(); }
    cell const& operator[](std::uint16_t command) const noexcept { return cells_.get()[command]; }

  private:
    static constexpr std::size_t commands = 65'536;
    // Memory that calloc gives is untouched, and all zeros is what a cell begins with.
    static_assert(std::is_trivially_destructible_v<cell> && sizeof(cell) == sizeof(std::uint64_t));

    struct give_back {
        void operator()(cell* cells) const noexcept { std::free(cells); }
    };
    std::unique_ptr<cell, give_back> cells_;
};

} // namespace millipede::detail
