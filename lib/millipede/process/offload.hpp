// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/process/offload_pool.hpp>
#include <millipede/wire/codec.hpp>
#include <millipede/wire/frame.hpp>
#include <millipede/worker/dispatcher.hpp>

#include <concepts>
#include <cstddef>
#include <functional>
#include <span>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <vector>

namespace millipede {

/// What becomes of a request that the offload pool refuses, unless a server says otherwise: its
/// connection is closed (`errc::offload_full`).
struct close_when_refused {
    /// Closes it.
    void operator()(auto& connection, auto const&) const noexcept {
        connection.close(errc::offload_full);
    }
};

/// A handler for the offload pool; made by `offload`.
template <class Handler, class Refused>
struct offloaded {
    using handler_type = Handler; ///< What is called on the pool's threads.

    Handler handler;     ///< Called on one of the pool's threads.
    Refused refused;     ///< Called on the connection's worker, for what the pool refuses.
    offload_order order; ///< What may overtake what.
};

/// Makes a handler that blocks (a database, a file, a long computation) fit for a server: it is
/// called on a thread of the server's offload pool, where it holds up no connection but its own.
///
///     server.on<request>(millipede::offload([&](connection_id id, request const& wanted) {
///         return reply{database.find(wanted.key)};
///     }));
///
/// `handler(id, message)` gets the connection's name and a copy of its message. What it returns, a
/// message or a `payload`, is sent to that connection, if it is still there; an empty payload is
/// not sent. When it returns nothing, it may answer later, by `server.send(id, ...)`. What it
/// throws is logged and counted, and ends the connection (`errc::handler_failed`).
///
/// A connection whose answers are being made is not closed before they are sent, neither because
/// its peer has ended its stream nor because the server stops (within the stop deadline); this
/// goes for what handlers return, not for what they send later.
///
/// Thread contract: one and the same handler object serves all threads of the pool at once, each
/// request on one of them. Requests are begun in the order in which they came, but overtake one
/// another, and messages of the same connection that are handled by its worker. With
/// `offload_order::per_connection` those of one connection are handled one after the other, and
/// so are their answers; connections then share threads, and wait for each other's requests.
///
/// Limits: `options::offload_threads` run, `options::offload_capacity` requests wait, whichever
/// connections they came from; the next is refused and its connection closed.
///
/// At the end of the server requests that wait are handled as long as the stop deadline allows,
/// and then dropped (`metrics::offload_dropped`). When a handler still runs one second later, the
/// process is ended with status 1, as for all handlers: see `basic_server::run`.
template <class Handler>
offloaded<Handler, close_when_refused> offload(Handler handler,
                                               offload_order order = offload_order::any) {
    return {std::move(handler), {}, order};
}

/// The same, with `refused(connection, message)` for requests that the pool refuses: called on the
/// thread of the connection's worker, like any handler, it may answer an error.
template <class Handler, class Refused>
    requires(!std::same_as<Refused, offload_order>)
offloaded<Handler, Refused> offload(Handler handler, Refused refused,
                                    offload_order order = offload_order::any) {
    return {std::move(handler), std::move(refused), order};
}

namespace detail {

template <class Work, class Connection, class Message>
concept offloaded_for = std::invocable<decltype(Work::handler)&, connection_id, Message const&> &&
    std::invocable<decltype(Work::refused)&, Connection&, Message const&>;

/// A message for the handler of an `offloaded`. Messages may point into the buffer that they were
/// received in, which is long used for others by then: so this keeps the bytes, and decodes them
/// once more.
template <class Message, codec Codec, class Handler>
class offloaded_message final : public offload_request {
    using received_type = typename Codec::message_type;

  public:
    /// `speaker` and `handler` outlive the request. \throws what the codec throws; std::bad_alloc
    offloaded_message(connection_id id, received_type const& received, Codec const& speaker,
                      Handler& handler)
        : offload_request{id}, codec_{&speaker}, handler_{&handler} {
        codec_->encode(received, bytes_);
    }

    payload handle() override {
        received_type received{};
        auto found = codec_->decode(bytes_.kept, received);
        if (found.found != decode_result::status::complete)
            throw std::logic_error{"the codec does not decode what it has encoded"};
        if constexpr (std::same_as<Message, received_type>)
            return call(received);
        else
            return call(decode_data<Message>(received.data()).value());
    }

  private:
    struct sink {
        std::vector<std::byte> kept;
        void append(std::span<std::byte const> more) {
            kept.insert(kept.end(), more.begin(), more.end());
        }
    };

    payload call(Message const& message) {
        using answer = std::invoke_result_t<Handler&, connection_id, Message const&>;
        if constexpr (std::is_void_v<answer>) {
            std::invoke(*handler_, id(), message);
            return {};
        } else if constexpr (std::same_as<std::remove_cvref_t<answer>, payload>) {
            return std::invoke(*handler_, id(), message);
        } else {
            return connection<no_session, Codec>::encode_payload(
                *codec_, std::invoke(*handler_, id(), message));
        }
    }

    Codec const* codec_;
    Handler* handler_;
    sink bytes_;
};

} // namespace detail
} // namespace millipede
