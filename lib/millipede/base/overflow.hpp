// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace millipede {

/// What a full output queue of one connection does with the next message.
enum class overflow_policy : std::uint8_t {
    close,       ///< Closes the connection (`errc::output_full`). For streams that must be whole.
    drop_newest, ///< Does not send the new message. For queues where the old matters.
    /// Drops whole waiting messages, of those that were themselves sent with this policy, until the
    /// new one fits; when they are not enough, the new one. For states and prices.
    drop_oldest,
};

/// "close", "drop_newest", "drop_oldest".
constexpr std::string_view name_of(overflow_policy policy) noexcept {
    switch (policy) {
    case overflow_policy::close:
        return "close";
    case overflow_policy::drop_newest:
        return "drop_newest";
    case overflow_policy::drop_oldest:
        return "drop_oldest";
    }
    return "unknown policy";
}

/// Messages that a connection will not get, because its output was full.
struct overflow_event {
    overflow_policy policy = overflow_policy::drop_newest; ///< What the last of them was sent with.
    std::uint64_t messages = 0; ///< Dropped since the last event of this connection ...
    std::uint64_t bytes = 0;    ///< ... and their size.
    /// The unsent output that the connection has now, 64 bytes per message included.
    std::size_t held_bytes = 0;
};

} // namespace millipede
