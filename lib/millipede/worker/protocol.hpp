// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/base/overflow.hpp>
#include <millipede/memory/reassembly.hpp>
#include <millipede/wire/payload.hpp>
#include <millipede/worker/fwd.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace millipede::detail {

/// What a listener's connections talk: the engine's view of a codec with its handlers and the type
/// of its sessions. One object serves all workers at once, so after the start it is read only.
/// Exceptions may escape `on_open`, `on_input`, `on_overflow`, `on_drain` and
/// `on_message_timeout`; the connection is then closed.
class protocol {
  public:
    virtual ~protocol() = default;

    /// What a silent connection is asked with; `options::heartbeat_interval`.
    payload heartbeat;

    /// The bytes a session needs in its slot; alignment up to 8.
    virtual std::size_t session_bytes() const noexcept = 0;

    /// Those that have a handler of their own, in ascending order.
    virtual std::vector<std::uint16_t> commands() const { return {}; }

    /// A connection begins: makes its session, calls its handler.
    virtual void on_open(basic_connection& connection) = 0;

    /// Bytes have come; `input` begins where the last call's `consumed` ended. Handles every whole
    /// message as long as the connection is receiving. To refuse the input, closes the connection.
    virtual input_result on_input(basic_connection& connection,
                                  std::span<std::byte const> input) = 0;

    /// Messages to it were dropped since the last such call.
    virtual void on_overflow(basic_connection& connection, overflow_event const& event) = 0;

    /// The peer takes output again, after a time in which it took none.
    virtual void on_room(basic_connection& connection) { static_cast<void>(connection); }

    /// The server drains: this is the last that a handler can send before the connection is closed.
    /// Its peer does well to come back after `come_back_after`.
    virtual void on_drain(basic_connection& connection, std::chrono::milliseconds come_back_after) {
        static_cast<void>(connection);
        static_cast<void>(come_back_after);
    }

    /// A message, or the first one, was not whole in its time: the connection is closed, behind
    /// what a handler sends. \returns whether there is a handler.
    virtual bool on_message_timeout(basic_connection& connection, error_code const& reason) {
        static_cast<void>(connection);
        static_cast<void>(reason);
        return false;
    }

    /// It has ended, once for every `on_open`: calls the handler, destroys the session. Nothing
    /// can be sent any more.
    virtual void on_close(basic_connection& connection, error_code reason) noexcept = 0;
};

} // namespace millipede::detail
