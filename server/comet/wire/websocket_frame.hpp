// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/wire/codec.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace comet {

/// What a frame of RFC 6455 is.
enum class websocket_opcode : std::uint8_t {
    continuation = 0,
    text = 1,
    binary = 2,
    close = 8,
    ping = 9,
    pong = 10,
};

/// Why a WebSocket ends.
enum class close_code : std::uint16_t {
    none = 0, ///< None was given. Never on the wire.
    normal = 1000,
    going_away = 1001,       ///< The server stops.
    protocol_error = 1002,   ///< Frames that are none, or in no order.
    unacceptable = 1003,     ///< Binary data.
    bad_data = 1007,         ///< Text that is not what it is to be: UTF-8, and in it JSON.
    policy_violation = 1008, ///< JSON that is no command.
    too_large = 1009,        ///< A message above the limit.
};

/// One frame of a client.
struct websocket_frame {
    websocket_opcode what = websocket_opcode::text;
    bool is_final = true; ///< The last, or only, frame of its message.
    std::string data{};   ///< Unmasked.
};

/// Reads a client's frame from the front of `input`. A frame that may not be is `complete`, all of
/// the input, with the code to close with in `fault`; it is told as soon as its head says so.
/// Otherwise `fault` is `none`.
/// \param data_max bytes of a frame's data
millipede::decode_result read_websocket_frame(std::span<std::byte const> input,
                                              std::size_t data_max, websocket_frame& frame,
                                              close_code& fault);

/// The longest head: two bytes, eight of length, four of mask.
inline constexpr std::size_t websocket_head_max = 14;

/// Appends a server's frame, which is whole and not masked. Data of a control frame: 125 bytes at
/// most.
void append_websocket_frame(std::string& to, websocket_opcode what, std::string_view data);

/// The frame that ends a WebSocket, as the server's. `none` gives one without a code; a reason is
/// cut to what fits.
std::string websocket_close_frame(close_code why, std::string_view reason = {});

/// What a client's frames come to.
struct websocket_event {
    /// What has come.
    enum class kind : std::uint8_t {
        nothing, ///< Nothing yet, or nothing that matters.
        text,    ///< A message: `data`.
        ping,    ///< To be answered by a pong with `data`.
        closed,  ///< The client ends it, with `code`: to be answered with the same.
        fault,   ///< To be ended with `code`.
    };

    kind what = kind::nothing;
    close_code code = close_code::none;
    std::string data{};
};

/// Takes the next frame of a connection.
/// \param pending a message's pieces so far; null between messages. The connection keeps it.
/// \param message_max bytes of a message
websocket_event take_websocket_frame(websocket_frame frame, std::unique_ptr<std::string>& pending,
                                     std::size_t message_max);

} // namespace comet
