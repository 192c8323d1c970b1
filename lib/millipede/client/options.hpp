// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/client/tls.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace millipede {

/// How a client comes back after its connection has ended: after a pause that is drawn evenly from
/// 0 to `base` the first time, to twice that the second, and so on up to `cap` ("full jitter"), so
/// that those who lost their server at one moment do not come back at one moment.
struct reconnect_options {
    /// At least 1 ms.
    std::chrono::milliseconds base = std::chrono::milliseconds{500};

    /// At least `base`. A connection that lasted as long as this makes the pauses begin anew.
    std::chrono::milliseconds cap = std::chrono::seconds{30};

    /// Attempts that fail one after the other before the client gives up, with the last one's
    /// error; 0: never.
    std::uint32_t attempts_max = 0;

    /// Whether `async_connect`, too, goes on until it works (or is cancelled). Otherwise it tries
    /// once, every address, and says what came of it.
    bool from_the_start = false;

    /// The longest pause that a server may ask for (`come_back_after`).
    std::chrono::milliseconds come_back_max = std::chrono::hours{1};
};

/// Every limit of a client, with its default, its unit and its reason.
struct client_options {
    /// For one attempt: name resolution, all addresses, TLS handshake and `on_connected` together;
    /// at least 1 ms. While addresses are left, each gets an equal share of what is left.
    std::chrono::milliseconds connect_timeout = std::chrono::seconds{10};

    /// From `async_request` to the reply, unless the call says otherwise: the time that a request
    /// waits for a connection counts. 0: for ever.
    std::chrono::milliseconds request_timeout = std::chrono::seconds{10};

    /// Asks the server for a sign of life when nothing came from it for so long. 0: never.
    std::chrono::milliseconds heartbeat_interval{0};

    /// Ends the connection (`errc::heartbeat_timeout`) when nothing, the answer or anything else,
    /// came for so long after that: a dead server is noticed `heartbeat_interval` +
    /// `heartbeat_timeout` after its last byte. At least 1 ms.
    std::chrono::milliseconds heartbeat_timeout = std::chrono::seconds{5};

    /// The frame that asks, without data; the server must have a handler that answers with a frame
    /// of the same command: without one it closes the connection. Default: the echo of
    /// millipede-online. Not the server's own question, `millipede::heartbeat_command`. Codecs
    /// without commands have `heartbeat_message`.
    std::uint16_t heartbeat_command = 0x6102;

    /// Comes back by itself. Off: the end of the connection is the end of the client, until the
    /// next `async_connect`.
    std::optional<reconnect_options> reconnect{};

    /// Talks TLS.
    std::optional<client_tls> tls{};

    /// Bytes of messages that wait to be sent, 64 per message included; more are refused
    /// (`errc::output_full`). An empty queue takes one message of any size.
    std::size_t output_max_bytes = 256 * 1024;

    /// Requests that may be unanswered, sent or not; more are refused (`errc::requests_full`). At
    /// least 1.
    std::uint32_t requests_max = 1'024;

    /// Bytes of messages without a handler that wait for `async_receive`, 64 per message included.
    /// Beyond it the connection ends (`errc::input_full`): a server that talks on and on to nobody
    /// must not eat the memory. An empty queue takes one message of any size.
    std::size_t input_max_bytes = 256 * 1024;

    /// Sends small messages at once instead of waiting for an acknowledgement (TCP_NODELAY).
    bool tcp_no_delay = true;
};

/// Checks every limit. \throws invalid_option
client_options validated(client_options wanted);

} // namespace millipede
