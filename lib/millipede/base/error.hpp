// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <boost/system/error_code.hpp>

#include <stdexcept>
#include <string>
#include <type_traits>

namespace millipede {

using boost::system::error_code;

/// Why a connection ended or a call was refused: Millipede's own codes. Errors of the system
/// (`ECONNRESET` and the like) arrive unchanged, in their own category.
enum class errc {
    closed_by_peer = 1, ///< The peer ended its stream.
    closed_by_server,   ///< A handler called `close()`, or a coroutine ended.
    idle_timeout,       ///< Nothing was read for `options::idle_timeout`.
    write_timeout,      ///< The peer took nothing for `options::write_timeout`.
    bad_magic,          ///< A frame did not begin with the protocol's magic.
    bad_size,           ///< A message's size is above the limit, or a frame's below its head's.
    unknown_command,    ///< No handler takes this command, or it is reserved.
    bad_message,        ///< A message's data does not fit its type (a wrong length).
    handler_failed,     ///< A handler let an exception escape.
    output_full,        ///< The bound of unsent output was reached and the policy was to close.
    buffers_exhausted,  ///< The worker's budget for input and output buffers was used up.
    no_memory,          ///< The system had no memory for what the connection needed.
    stopping,           ///< The server stops.
    stale_connection,   ///< A `connection_id` that no longer names a live connection.
    /// Too much waits for a worker: `mailbox_capacity`, `mailbox_max_bytes`, `broadcast_capacity`.
    mailbox_full,
    not_running,           ///< The server has not been started, or has ended.
    first_message_timeout, ///< No complete message came for `options::first_message_timeout`.
    message_timeout,       ///< A message was begun, and not complete in `options::message_timeout`.
    too_fast,              ///< More messages or bytes per second than the options allow.
    /// All connections together had too much unsent output, and this one was among those with the
    /// most.
    output_budget_exceeded,
    offload_full,      ///< `options::offload_capacity` requests wait for handlers that block.
    bad_proxy_header,  ///< No PROXY protocol header where the listener asks for one, or a bad one.
    handshake_timeout, ///< No PROXY header or TLS handshake within `options::handshake_timeout`.
    /// A TLS stream ended without its own end, or any stream, for a client, within a message: its
    /// last bytes are missing.
    stream_truncated,
    no_inherited_socket, ///< No listening socket of that number or name was handed over.
    connect_timeout,     ///< No connection within `client_options::connect_timeout`.
    request_timeout,     ///< No reply in the time that the request had.
    heartbeat_timeout,   ///< The server gave no sign of life when it was asked for one.
    requests_full,       ///< `client_options::requests_max` requests are unanswered.
    /// Messages that nobody took reached `client_options::input_max_bytes`.
    input_full,
};

/// The kinds of endings, for `on_close`: compare a code with one of these.
/// `if (reason == close_reason::timeout) ...`
enum class close_reason {
    peer = 1, ///< The peer ended its stream.
    timeout,  ///< Idle or write timeout, or a message that did not come in time.
    error,    ///< An error of the system, such as a reset, or no memory.
    refused,  ///< The peer sent what the protocol does not allow, or faster than it may.
    shed,     ///< Too much output, buffers or offloaded requests: closed to protect the others.
    stopping, ///< The server stops.
    server,   ///< A handler closed the connection.
    failed,   ///< A handler let an exception escape.
};

/// An endpoint that cannot be listened on; `what()` names it and says why.
class listen_error : public std::runtime_error {
  public:
    /// \p endpoint as it was written; \p why the system refused it.
    listen_error(std::string const& endpoint, error_code const& why)
        : std::runtime_error{"cannot listen on " + endpoint + ": " + why.message()}, code_{why} {}
    /// Why.
    error_code const& code() const noexcept { return code_; }

  private:
    error_code code_;
};

/// The category of `errc`; its name is "millipede".
boost::system::error_category const& category() noexcept;

/// The category of `close_reason`; its name is "millipede.close".
boost::system::error_category const& close_category() noexcept;

error_code make_error_code(errc code) noexcept;
boost::system::error_condition make_error_condition(close_reason reason) noexcept;

/// The kind of ending that `code`, an error, stands for: the one `close_reason` that it equals.
close_reason reason_of(error_code const& code) noexcept;

} // namespace millipede

/// \cond
template <>
struct boost::system::is_error_code_enum<millipede::errc> : std::true_type {};
template <>
struct boost::system::is_error_condition_enum<millipede::close_reason> : std::true_type {};
/// \endcond
