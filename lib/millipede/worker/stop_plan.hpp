// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <chrono>

namespace millipede::detail {

/// How a server, and each of its workers, comes to its end. Times count from the moment at which it
/// begins; none is negative.
struct stop_plan {
    std::chrono::milliseconds deadline{0};  ///< What has not left by then is cut off.
    std::chrono::milliseconds window{0};    ///< Connections end spread over it; 0: at once.
    std::chrono::milliseconds come_back{0}; ///< Clients are to come back spread over it.
    bool says_goodbye = false;              ///< Whether `on_drain` is called.
};

} // namespace millipede::detail
