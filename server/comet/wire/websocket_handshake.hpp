// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <boost/asio/io_context.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace comet {

/// What becomes of a request for a WebSocket.
struct websocket_handshake {
    std::uint16_t status = 101; ///< 426: another version than 13; 400: anything else is wrong.
    std::string reply{};        ///< 101: its bytes, after which frames come.
    std::string origin{};       ///< 101: whose page has asked for it; empty: nobody says.
    std::string host{};         ///< 101: of the server, as it was asked.
};

/// Answers a request, by RFC 6455; no extension and no subprotocol is agreed on.
/// \param request its bytes, the head at least
/// \param executor any that runs as long as this does; nothing is run there.
websocket_handshake answer_handshake(std::string_view request,
                                     boost::asio::io_context::executor_type executor);

} // namespace comet
