// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "wire/websocket_frame.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace comet {

/// The methods that are served; all others are refused with status 501.
enum class http_method : std::uint8_t { get, post, head, put, remove, options };

/// How the reply to a request is to be formed, and what follows it.
struct reply_terms {
    bool chunked = true;    ///< HTTP/1.1: the peer understands chunks.
    bool keep_alive = true; ///< The connection goes on behind the reply.
    bool bodiless = false;  ///< HEAD: the head of the reply alone.

    bool operator==(reply_terms const&) const = default;
};

/// One request, or what else the codec has to tell. The views point into the input, and are valid
/// until the handler returns.
struct http_request {
    /// What the codec met.
    enum class kind : std::uint8_t {
        whole,          ///< A request.
        wants_continue, ///< Its head asks for "100 Continue" before the body is sent.
        behind,         ///< More input, while the one before has not been answered: not looked at.
        refused,        ///< To be answered with `status`; the connection ends behind it.
        frame,          ///< A frame of a WebSocket.
        bad_frame,      ///< What is none there: the WebSocket is to be closed with `fault`.
    };

    kind what = kind::whole;
    http_method method = http_method::get;
    reply_terms terms{};
    std::uint16_t status = 0;       ///< refused: the reply's.
    std::string_view path;          ///< Still percent-encoded, without the query.
    std::string_view query;         ///< Behind the first '?', without it.
    std::string_view last_event_id; ///< The field of that name; empty: none.
    std::string_view if_none_match; ///< The same.
    bool is_json = false;           ///< The body's type is application/json.
    std::string_view plain_body;
    std::string joined_body; ///< A body that came in chunks, put together.
    std::string_view raw;    ///< All its bytes.
    websocket_frame frame{};
    close_code fault = close_code::none;

    /// The body, however it came.
    std::string_view body() const noexcept {
        return joined_body.empty() ? plain_body : std::string_view{joined_body};
    }
};

/// What the codec has to know of a connection's requests before.
struct http_exchange {
    bool busy = false;         ///< A request has not been answered yet; those behind it wait.
    bool endless = false;      ///< Its reply never ends: what comes behind it is thrown away.
    bool behind = false;       ///< Something waits behind it: reading rests.
    bool continued = false;    ///< "100 Continue" has been said for the request that comes.
    bool is_websocket = false; ///< What comes are frames; no request any more.
};

} // namespace comet
