// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "channels/message.hpp"
#include "wire/http_request.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace comet {

/// How a subscriber gets its messages.
enum class transport : std::uint8_t {
    poll,      ///< One reply with what there is, now or when there is some; JSON, or JSONP.
    stream,    ///< A line of JSON per message, without end.
    sse,       ///< An event stream, as browsers' EventSource reads it.
    iframe,    ///< A page in a hidden frame that calls its parent, a script element per message.
    websocket, ///< A text message of a WebSocket each.
    frame,     ///< A frame of TCP each.
};

/// Whether the reply goes on after a message.
constexpr bool is_endless(transport how) noexcept {
    return how != transport::poll;
}

/// Whether it is an HTTP reply, which ends with the last of its channels.
constexpr bool is_reply(transport how) noexcept {
    return how != transport::websocket && how != transport::frame;
}

/// The commands of framed TCP.
namespace frame_command {
inline constexpr std::uint16_t subscribe = 0x6301;   ///< An array of items.
inline constexpr std::uint16_t unsubscribe = 0x6302; ///< An array of names.
inline constexpr std::uint16_t publish = 0x6303;     ///< A message that a client publishes.
inline constexpr std::uint16_t message = 0x6304;     ///< A message that a client gets.
inline constexpr std::uint16_t silence = 0x6305;     ///< There is nothing; either way.
/// The beginning of a message that is longer than a frame; `message` has its last piece.
inline constexpr std::uint16_t piece = 0x6306;
inline constexpr std::uint16_t user = 0x6307; ///< A name: whose the client says it is.
} // namespace frame_command

/// What messages are put in on their way to one subscriber.
struct framing {
    transport how = transport::poll;
    bool chunked = true;
    std::string_view callback{}; ///< Of a poll by JSONP; empty: bare JSON.
    /// An event stream's ids name the life of the channel; null: it has none.
    std::optional<std::uint32_t> epoch{};

    bool operator==(framing const&) const = default;
};

/// A message that is to be framed.
struct framed_message {
    std::string_view object; ///< In JSON.
    /// The number of the last message that its receiver has with it; null: it changes nothing.
    std::optional<sequence> position{};
};

/// What precedes all messages: status line, fields, and what an iframe begins with.
/// \param fields more of them, as whole lines.
std::string subscription_head(transport how, reply_terms const& terms, std::string_view fields);

/// Appends messages. A poll gets them in one piece: an array, unless it is one
/// that is not of a `batch`.
void append_messages(std::string& to, framing const& frame,
                     std::span<framed_message const> messages, bool batch);

/// Appends what a subscriber gets when there was nothing for long.
void append_noop(std::string& to, framing const& frame, std::string_view channel, sequence number);

/// Appends what ends the reply.
void append_end(std::string& to, framing const& frame);

} // namespace comet
