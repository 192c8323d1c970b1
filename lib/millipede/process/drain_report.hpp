// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <chrono>
#include <cstdint>

namespace millipede {

/// How a server's end went, whether it was a drain or a stop.
struct drain_report {
    /// Connections whose conversation was finished and whose output had left, or whose peer left.
    std::uint64_t in_peace = 0;
    /// Connections cut off: by the deadline, or because their peer took nothing for too long.
    std::uint64_t cut = 0;
    /// Offloaded requests that still waited at the deadline, and that nobody will handle.
    std::uint64_t requests_dropped = 0;
    /// From the call or the signal to the end.
    std::chrono::milliseconds took{0};
};

} // namespace millipede
