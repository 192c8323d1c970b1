// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/base/listen_options.hpp>
#include <millipede/process/basic_server.hpp>
#include <millipede/process/offload.hpp>
#include <millipede/wire/frame.hpp>
#include <millipede/worker/conversation_spawn.hpp>
#include <millipede/worker/dispatcher.hpp>
#include <millipede/worker/posted_function.hpp>

#include <boost/asio/async_result.hpp>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <stdexcept>
#include <utility>

namespace millipede {

namespace detail {

/// A codec that makes a message of a command and its data, as frames have.
template <class Codec>
concept encodes_commands = requires(Codec const& codec) {
    { codec.encode(std::uint16_t{}, std::span<std::byte const>{}) } -> std::same_as<payload>;
};

} // namespace detail

/// Whatever a server's services have in common.
class basic_service {
  public:
    basic_service() = default;
    basic_service(basic_service const&) = delete;
    basic_service& operator=(basic_service const&) = delete;
    virtual ~basic_service() = default;
};

/// One codec on a server, with the handlers of the connections that speak it. A server is such a
/// service itself, of its own codec; where some of its listeners are to speak another one,
/// `server::listen` makes a service for them:
///
///     auto& lines = server.listen(millipede::line_codec{}, "127.0.0.1:8083");
///     lines.on_message([](auto& connection, auto line) { connection.send(line); });
///
/// Everything is set before the start.
///
/// Handlers are called on the thread of their connection's worker. One and the same handler object
/// serves all workers at once: what it shares must be `per_worker`, atomic or read only. A handler
/// that lets an exception escape ends its connection (`errc::handler_failed`), and only that.
///
/// \tparam Session what is kept per connection: lives in the connection's preallocated slot from
///         before `on_open` to after `on_close`.
/// \tparam Codec how bytes become messages.
template <class Session, codec Codec>
class service : public basic_service {
    using dispatcher_type = detail::dispatcher<Session, Codec>;

  public:
    /// What is kept per connection.
    using session_type = Session;
    /// How bytes become messages.
    using codec_type = Codec;
    /// What handlers get.
    using connection_type = connection<Session, Codec>;
    /// What coroutines get.
    using conversation_type = conversation<Session, Codec>;
    /// The codec's messages.
    using message_type = typename Codec::message_type;

    /// By `server::listen`. The server outlives it.
    service(basic_server& owner, Codec settings) : server_{&owner} {
        auto speaker = std::make_unique<dispatcher_type>(std::move(settings));
        dispatcher_ = speaker.get();
        owner.keep(std::move(speaker));
        if constexpr (detail::encodes_commands<Codec>)
            if (owner.limits().heartbeat_interval > std::chrono::milliseconds::zero()) {
                set_heartbeat(encode(heartbeat_command, {}));
                on(heartbeat_command, [](connection_type&, message_type const&) {});
            }
    }

    /// Listens at one more place. \throws invalid_option; std::logic_error after the start
    void listen(listen_options where) { server_->listen(*dispatcher_, std::move(where)); }

    /// Calls `handler(connection, message)` for every frame of `Message::command`, with its data
    /// read as `Message`. Data of a wrong length ends the connection (`errc::bad_message`).
    template <message Message, class Handler>
        requires std::invocable<Handler&, connection_type&, Message const&>
    void on(Handler handler) {
        on(Message::command,
           [handler = std::move(handler)](connection_type& connection, message_type const& frame) {
               if (auto message = decode_data<Message>(frame.data()))
                   handler(connection, *message);
               else
                   connection.close(errc::bad_message);
           });
    }

    /// Calls `handler(connection, frame)` for every frame of `command`, as it was received. A
    /// frame without a handler ends its connection (`errc::unknown_command`).
    template <class Handler>
        requires std::invocable<Handler&, connection_type&, message_type const&>
    void on(std::uint16_t command, Handler handler) {
        before_start("on()").handler_of(command) = std::move(handler);
    }

    /// Calls `handler(connection, message)` for every message that has no handler of its own; for
    /// every message at all where the codec has no commands.
    template <class Handler>
        requires std::invocable<Handler&, connection_type&, message_type const&>
    void on_message(Handler handler) {
        before_start("on_message()").any_handler = std::move(handler);
    }

    /// Has `talk(conversation)` talk to each connection, from its beginning (behind `on_open`) on:
    /// a coroutine, `[](auto peer) -> boost::asio::awaitable<void>`, whose end closes the
    /// connection, or a function that begins operations with other completion tokens. It gets all
    /// messages that no command's handler takes, in the place of `on_message`: see `conversation`.
    ///
    /// What escapes the coroutine as an exception closes its connection (`errc::handler_failed`),
    /// and only that; the error that ended the connection, and was thrown by an operation, is the
    /// usual way out. When the connection ends while the coroutine waits for something else, such
    /// as a timer, that is cancelled. A server that ends waits for coroutines that are at a message
    /// to answer it, and then for all of them to end, until its deadline; what is left then is
    /// destroyed with the server.
    ///
    /// One and the same object serves all connections, on all workers at once.
    template <detail::talker<conversation_type> Talk>
    void on_connection(Talk talk) {
        detail::hold_conversations(before_start("on_connection()"), std::move(talk));
    }

    /// These three have a handler that blocks called on a thread of its own kind: see `offload`.
    template <message Message, class Handler, class Refused>
        requires detail::offloaded_for<offloaded<Handler, Refused>, connection_type, Message>
    void on(offloaded<Handler, Refused> work) {
        on(Message::command, [give = giving<Message>(std::move(work))](connection_type& connection,
                                                                       message_type const& frame) {
            if (auto message = decode_data<Message>(frame.data()))
                give(connection, frame, *message);
            else
                connection.close(errc::bad_message);
        });
    }
    /// \overload
    template <class Handler, class Refused>
        requires detail::offloaded_for<offloaded<Handler, Refused>, connection_type, message_type>
    void on(std::uint16_t command, offloaded<Handler, Refused> work) {
        on(command, [give = giving<message_type>(std::move(work))](connection_type& connection,
                                                                   message_type const& frame) {
            give(connection, frame, frame);
        });
    }
    /// \overload
    template <class Handler, class Refused>
        requires detail::offloaded_for<offloaded<Handler, Refused>, connection_type, message_type>
    void on_message(offloaded<Handler, Refused> work) {
        on_message([give = giving<message_type>(std::move(work))](connection_type& connection,
                                                                  message_type const& received) {
            give(connection, received, received);
        });
    }

    /// Calls `handler(connection, come_back_after)` for a connection that ends because the server
    /// drains (`drain()`, a signal; not `stop()`), when all that it was owed has been sent: what
    /// the handler sends is the last that its peer gets. `come_back_after`, in milliseconds, is
    /// drawn for each connection, evenly from 0 to the drain's spread: peers that heed it do not
    /// come back at one moment. Connections that are cut off are not asked.
    template <class Handler>
        requires std::invocable<Handler&, connection_type&, std::chrono::milliseconds>
    void on_drain(Handler handler) {
        before_start("on_drain()").drain_handler = std::move(handler);
    }

    /// Calls `handler(connection, reason)` for a connection whose message was not whole in time
    /// (`errc::message_timeout`, `errc::first_message_timeout`): what the handler sends is the last
    /// that its peer gets, and leaves within the linger and the write timeout. Without a handler
    /// such a connection is closed at once.
    template <class Handler>
        requires std::invocable<Handler&, connection_type&, error_code const&>
    void on_message_timeout(Handler handler) {
        before_start("on_message_timeout()").timeout_handler = std::move(handler);
    }

    /// Calls `handler(connection)` when a connection begins.
    template <class Handler>
        requires std::invocable<Handler&, connection_type&>
    void on_open(Handler handler) { before_start("on_open()").open_handler = std::move(handler); }

    /// Calls `handler(connection, reason)` when it has ended: once for every connection, whatever
    /// ended it. Compare the reason with `close_reason` or `errc`. Nothing can be sent any more.
    template <class Handler>
        requires std::invocable<Handler&, connection_type&, error_code const&>
    void on_close(Handler handler) {
        before_start("on_close()").close_handler = std::move(handler);
    }

    /// Calls `handler(connection, overflow_event)` when messages to a connection were dropped
    /// because its output was full, all of one turn of its worker together. What the handler itself
    /// sends and finds dropped is counted in `metrics()`, and not told again. A connection that is
    /// closed for its output is told to `on_close` (`errc::output_full`, `buffers_exhausted`,
    /// `output_budget_exceeded`).
    template <class Handler>
        requires std::invocable<Handler&, connection_type&, overflow_event const&>
    void on_overflow(Handler handler) {
        before_start("on_overflow()").overflow_handler = std::move(handler);
    }

    /// The message that silent connections are asked by, with `options::heartbeat_interval`. Where
    /// frames have commands it is, unless this is called, the frame of `heartbeat_command` without
    /// data; and frames of that command, as answers may be, are taken without a handler.
    template <encodable<Codec> Message>
    void set_heartbeat(Message const& question) {
        set_heartbeat(encode(question));
    }
    /// \overload
    void set_heartbeat(payload question) {
        before_start("set_heartbeat()").heartbeat = std::move(question);
    }

    /// Encodes a message and sends it to a connection of the service's codec. The id must be of
    /// such a one: unlike `post`, this does not look. Any thread; see `basic_server::send`.
    template <class Message>
        requires requires(Codec const& codec, Message const& message, counting_sink& sink) {
            codec.encode(message, sink);
        }
    error_code send(connection_id id, Message const& message) {
        return server_->send(id, encode(message));
    }

    /// The same with a policy of its own in place of `options::overflow`.
    template <encodable<Codec> Message>
    error_code send(connection_id id, Message const& message, overflow_policy policy) {
        return server_->send(id, encode(message), policy);
    }

    /// Encodes a message once and sends it to a group. Every member gets these bytes, whatever its
    /// codec: keep those of different codecs apart. Any thread; see `basic_server::send`.
    template <encodable<Codec> Message>
    error_code send(group const& room, Message const& message) {
        return server_->send(room, encode(message));
    }
    /// \overload
    template <encodable<Codec> Message>
    error_code send(group const& room, Message const& message, overflow_policy policy) {
        return server_->send(room, encode(message), policy);
    }

    /// Sends to those of the service's connections for which `filter(connection)` says so. Each
    /// worker has a copy of the filter and calls it on its own thread, so it must be light: a walk
    /// over a million connections calls it a million times. A connection for which it throws does
    /// not get the message (`metrics().callback_failures`). Otherwise as `basic_server::broadcast`.
    template <std::predicate<connection_type const&> Filter>
    error_code broadcast(payload const& message, Filter filter, overflow_policy policy) {
        using filtered = detail::filtered_broadcast<dispatcher_type, Filter>;
        return server_->begin_broadcast(
            [&] { return std::make_unique<filtered>(message, policy, *dispatcher_, filter); });
    }
    /// \overload
    template <std::predicate<connection_type const&> Filter>
    error_code broadcast(payload const& message, Filter filter) {
        return broadcast(message, std::move(filter), server_->default_overflow());
    }

    /// Encodes a message once and broadcasts it to the service's connections; `how` is what may
    /// follow the payload above.
    template <encodable<Codec> Message, class... How>
    error_code broadcast(Message const& message, How... how) {
        constexpr bool filters = (std::predicate<How, connection_type const&> || ...);
        if constexpr (filters)
            return broadcast(encode(message), std::move(how)...);
        else if (server_->protocols_.size() == 1)
            return server_->broadcast(encode(message), how...);
        else
            return broadcast(
                encode(message), [](connection_type const&) { return true; }, how...);
    }

    /// A message in its bytes, to be sent to many. Any thread.
    template <class Message>
    payload encode(Message const& message) const {
        return connection_type::encode_payload(dispatcher_->get_codec(), message);
    }

    /// The same for a command and its data, where the codec has commands.
    payload encode(std::uint16_t command,
                   std::span<std::byte const> data) const requires detail::encodes_commands<Codec> {
        return dispatcher_->get_codec().encode(command, data);
    }

    /// The codec.
    Codec const& get_codec() const noexcept { return dispatcher_->get_codec(); }

    /// Encodes a message and sends it to a connection: see `basic_server::async_send`.
    template <encodable<Codec> Message, boost::asio::completion_token_for<void(error_code)> Token>
    auto async_send(connection_id id, Message const& message, Token&& token) {
        return server_->async_send(id, encode(message), std::forward<Token>(token));
    }

    /// Encodes a message and broadcasts it to the service's connections: see
    /// `basic_server::async_broadcast`.
    template <encodable<Codec> Message, boost::asio::completion_token_for<void(error_code)> Token>
    auto async_broadcast(Message const& message, Token&& token) {
        return async_broadcast(
            encode(message), [](connection_type const&) { return true; },
            std::forward<Token>(token));
    }
    /// The same for connections that `filter` chooses, as in `broadcast`.
    template <std::predicate<connection_type const&> Filter,
              boost::asio::completion_token_for<void(error_code)> Token>
    auto async_broadcast(payload message, Filter filter, Token&& token) {
        using filtered = detail::filtered_broadcast<dispatcher_type, Filter>;
        return boost::asio::async_initiate<Token, void(error_code)>(
            [this](auto handler, payload bytes, Filter wanted) {
                server_->begin_awaited_broadcast(
                    [&] {
                        return std::make_unique<filtered>(bytes, server_->default_overflow(),
                                                          *dispatcher_, wanted);
                    },
                    server_->template completion_for<error_code>(std::move(handler)));
            },
            token, std::move(message), std::move(filter));
    }

    /// Runs `f(connection)` on the thread of the connection's worker, in the order of the calls of
    /// one thread; not at all when the connection has ended by then, or is not one of the
    /// service's. Any thread. \returns stale_connection, mailbox_full, not_running or success.
    template <class F>
        requires std::invocable<F&, connection_type&> error_code post(connection_id id, F f) {
            using request = detail::posted_function<dispatcher_type, F>;
            return server_->post(id, std::make_unique<request>(id, std::move(f), *dispatcher_));
        }

    /// The same, be the mailbox full or not: for what has a bound of its own, such as one answer to
    /// each request. \returns stale_connection, not_running or success.
    template <std::invocable<connection_type&> F>
    error_code post_admitted(connection_id id, F f) {
        using request = detail::posted_function<dispatcher_type, F>;
        return server_->post_admitted(id,
                                      std::make_unique<request>(id, std::move(f), *dispatcher_));
    }

    /// Runs `f()` on the thread of a worker, by its index from 0: for what a program keeps per
    /// worker. In the order of the calls of one thread, and of what it sends and posts to
    /// connections of that worker. Destroyed without having run when the worker ends first. What it
    /// throws is logged, and counted (`metrics().callback_failures`). Any thread.
    /// \returns mailbox_full, not_running or success.
    /// \throws std::bad_alloc; std::out_of_range when there is no such worker.
    template <std::invocable F>
    error_code post_to(std::uint32_t worker, F f) {
        using request = detail::worker_function<F>;
        return server_->post(anybody_of(worker), std::make_unique<request>(std::move(f)));
    }

    /// The same, be the mailbox full or not: for what has a bound of its own.
    /// \returns not_running or success. \throws as `post_to`
    template <std::invocable F>
    error_code post_to_admitted(std::uint32_t worker, F f) {
        using request = detail::worker_function<F>;
        return server_->post_admitted(anybody_of(worker), std::make_unique<request>(std::move(f)));
    }

  private:
    // Names the worker alone.
    connection_id anybody_of(std::uint32_t worker) const {
        if (worker < server_->worker_count()) return {worker, 0, 0};
        throw std::out_of_range{"post_to(): there is no such worker"};
    }
    dispatcher_type& before_start(char const* what) {
        server_->require_not_started(what);
        return *dispatcher_;
    }

    // What gives a received message to the pool, or refuses it.
    template <class Message, class Work>
    auto giving(Work work) {
        using request = detail::offloaded_message<Message, Codec, typename Work::handler_type>;
        server_->use_offload();
        return [this, work = std::make_shared<Work>(std::move(work))](connection_type& connection,
                                                                      message_type const& received,
                                                                      Message const& message) {
            auto copy = std::make_unique<request>(connection.id(), received,
                                                  dispatcher_->get_codec(), work->handler);
            if (!server_->offer(std::move(copy), work->order)) work->refused(connection, message);
        };
    }

    basic_server* server_;
    dispatcher_type* dispatcher_; // the server's
};

} // namespace millipede
