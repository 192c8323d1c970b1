// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <string>

namespace millipede::detail {

/// What a worker's thread was last seen to begin, for whoever finds it stalled. The numbers below
/// 65,536 are commands whose handler runs.
enum class activity : std::uint32_t {
    engine = 0x1'0000, ///< Its own work, between the user's functions.
    message,           ///< A handler of messages that have no commands.
    opening,           ///< `on_open`
    closing,           ///< `on_close`
    overflowing,       ///< `on_overflow`
    draining,          ///< `on_drain`
    timing_out,        ///< `on_message_timeout`
    filtering,         ///< The filter of a broadcast.
    request,           ///< A function given to `post()`, or a message given to `send()`.
    function,          ///< Something that the io_context runs by itself: timers, coroutines.
};

constexpr activity handling(std::uint16_t command) noexcept {
    return static_cast<activity>(command);
}

/// For a log line: "the handler of command 0x6101".
std::string describe(activity what);

} // namespace millipede::detail
