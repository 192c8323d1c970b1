// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "http_request.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace comet {

/// How a subscriber gets its messages.
enum class transport : std::uint8_t {
    poll,   ///< One reply with what there is, now or when there is some; JSON, or JSONP.
    stream, ///< A line of JSON per message, without end.
    sse,    ///< An event stream, as browsers' EventSource reads it.
    iframe, ///< A page in a hidden frame that calls its parent, a script element per message.
};

/// Whether the reply goes on after a message.
constexpr bool is_endless(transport how) noexcept {
    return how != transport::poll;
}

/// What messages are put in on their way to one subscriber.
struct framing {
    transport how = transport::poll;
    bool chunked = true;
    std::string_view callback{}; ///< Of a poll by JSONP; empty: bare JSON.
};

/// What precedes all messages: status line, fields, and what an iframe begins with.
std::string subscription_head(transport how, reply_terms const& terms);

/// Appends messages, objects in JSON. A poll gets them in one piece: an array, unless it is one
/// that is not of a `batch`.
void append_messages(std::string& to, framing const& frame,
                     std::span<std::string_view const> objects, bool batch);

/// Appends what ends the reply.
void append_end(std::string& to, framing const& frame);

} // namespace comet
