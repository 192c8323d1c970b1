// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "options.hpp"

#include <cstdint>
#include <span>

namespace load {

// Begins connections from source addresses in turn.
class connector {
  public:
    connector(options const& settings, std::uint32_t first_source);

    struct result {
        int descriptor = -1;
        int error = 0; // errno; the descriptor is -1 then
        std::uint16_t source = 0;
    };
    // The connection is usually still in progress afterwards.
    result begin();

  private:
    target const& target_;
    std::uint32_t sources_;
    bool no_delay_;
    std::uint32_t next_source_;
};

// With `reset` the peer gets RST and no port stays in TIME_WAIT; without, FIN.
void close_socket(int descriptor, bool reset);

} // namespace load
