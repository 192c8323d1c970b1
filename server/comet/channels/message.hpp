// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace comet {

/// The number of a message in its channel, or the next one that somebody wants: 32 bits that wrap.
using sequence = std::int32_t;

/// How far `later` is behind `earlier`; negative when it is the other way round. Right as long as
/// they are less than 2^31 apart.
inline std::int32_t distance(sequence earlier, sequence later) noexcept {
    return static_cast<std::int32_t>(static_cast<std::uint32_t>(later) -
                                     static_cast<std::uint32_t>(earlier));
}

/// The one behind it.
inline sequence following(sequence number) noexcept {
    return static_cast<sequence>(static_cast<std::uint32_t>(number) + 1);
}

/// The one before it.
inline sequence preceding(sequence number) noexcept {
    return static_cast<sequence>(static_cast<std::uint32_t>(number) - 1);
}

/// What subscribers get.
enum class message_type : std::uint8_t {
    data,      ///< Of the channel.
    broadcast, ///< Of all channels.
    noop,      ///< There was nothing for long.
    next_seq,  ///< The number of the next message.
    close,     ///< The channel has been closed.
    bad_token, ///< "401"
    too_many,  ///< "429"
    open,      ///< The first, for those who asked for epochs.
    gap,       ///< The same, when messages before it are lost.
    present,   ///< A user who is there: for who wants to know, after the opening.
    join,      ///< One has come.
    leave,     ///< One has been gone for long.
    // Those of connections that give commands:
    unsubscribed, ///< There is no such subscription any more.
    ok,           ///< What was to be published has been.
    bad_command,  ///< "400": the connection ends.
    forbidden,    ///< "403": to publish.
    subscribed,   ///< "409": it is already.
    unavailable,  ///< "503": too much waits.
};

/// The text of a JSON string, without its quotation marks: everything escaped that must be.
std::string json_escaped(std::string_view text);

/// The same for what is escaped already, but for control characters, which no JSON string may have.
std::string json_completed(std::string_view escaped);

/// Whether it is escaped indeed, control characters aside: no quotation mark in it ends the string.
bool is_json_escaped(std::string_view text) noexcept;

/// The one form of all messages: `{"type":"data","cname":"C","seq":1,"content":"S"}`.
/// \param content has been escaped; `channel` has not.
std::string message_object(message_type type, std::string_view channel, sequence number,
                           std::string_view content);

/// How the life of a channel is written: 8 hexadecimal digits.
std::string epoch_text(std::uint32_t epoch);

/// The form of `open` and `gap`: with a field more, `"epoch":"0123abcd"`, at the end.
std::string marker_object(message_type type, std::string_view channel, sequence number,
                          std::string_view content, std::uint32_t epoch);

} // namespace comet
