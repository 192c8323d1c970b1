// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/base/listen_options.hpp>
#include <millipede/process/basic_server.hpp>
#include <millipede/wire/frame.hpp>
#include <millipede/worker/dispatcher.hpp>
#include <millipede/worker/posted_function.hpp>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
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

/// What some listeners of a server speak, where it is not the server's own codec; made by
/// `server::listen`:
///
///     auto& lines = server.listen(millipede::line_codec{}, "127.0.0.1:8083");
///     lines.on_message([](auto& connection, auto line) { connection.send(line); });
///
/// Handlers are those of a server, for the connections of these listeners; see there. They are set
/// before the start. Work that is offloaded, and conversations, the server's own codec alone has.
template <class Session, codec Codec>
class service final : public basic_service {
    using dispatcher_type = detail::dispatcher<Session, Codec>;

  public:
    /// What is kept per connection.
    using session_type = Session;
    /// How bytes become messages here.
    using codec_type = Codec;
    /// What handlers get.
    using connection_type = connection<Session, Codec>;
    /// The codec's messages.
    using message_type = typename Codec::message_type;

    /// By `server::listen`. The server outlives it.
    service(basic_server& owner, Codec settings) : server_{&owner} {
        auto speaker = std::make_unique<dispatcher_type>(std::move(settings));
        dispatcher_ = speaker.get();
        owner.keep(std::move(speaker));
        if constexpr (detail::encodes_commands<Codec>)
            if (owner.limits().heartbeat_interval > std::chrono::milliseconds::zero()) {
                dispatcher_->heartbeat = dispatcher_->get_codec().encode(
                    heartbeat_command, std::span<std::byte const>{});
                on(heartbeat_command, [](connection_type&, message_type const&) {});
            }
    }

    /// The message that its silent connections are asked by, with `options::heartbeat_interval`:
    /// for codecs with commands as `server::set_heartbeat` says; others must name one.
    template <encodable<Codec> Message>
    void set_heartbeat(Message const& question) {
        auto& dispatcher = before_start("set_heartbeat()");
        dispatcher.heartbeat = connection_type::encode_payload(dispatcher.get_codec(), question);
    }

    /// Listens at one more place. \throws as `server::listen`
    void listen(listen_options where) { server_->listen(*dispatcher_, std::move(where)); }

    /// As `server::on`.
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
    /// As `server::on`.
    template <class Handler>
        requires std::invocable<Handler&, connection_type&, message_type const&>
    void on(std::uint16_t command, Handler handler) {
        before_start("on()").handler_of(command) = std::move(handler);
    }
    /// As `server::on_message`.
    template <class Handler>
        requires std::invocable<Handler&, connection_type&, message_type const&>
    void on_message(Handler handler) {
        before_start("on_message()").any_handler = std::move(handler);
    }
    /// As `server::on_open`.
    template <class Handler>
        requires std::invocable<Handler&, connection_type&>
    void on_open(Handler handler) { before_start("on_open()").open_handler = std::move(handler); }
    /// As `server::on_close`.
    template <class Handler>
        requires std::invocable<Handler&, connection_type&, error_code const&>
    void on_close(Handler handler) {
        before_start("on_close()").close_handler = std::move(handler);
    }
    /// As `server::on_drain`.
    template <class Handler>
        requires std::invocable<Handler&, connection_type&, std::chrono::milliseconds>
    void on_drain(Handler handler) {
        before_start("on_drain()").drain_handler = std::move(handler);
    }
    /// As `server::on_overflow`.
    template <class Handler>
        requires std::invocable<Handler&, connection_type&, overflow_event const&>
    void on_overflow(Handler handler) {
        before_start("on_overflow()").overflow_handler = std::move(handler);
    }

    /// A message in its bytes, as these connections understand it. Any thread.
    template <encodable<Codec> Message>
    payload encode(Message const& message) const {
        return connection_type::encode_payload(dispatcher_->get_codec(), message);
    }

    /// Encodes a message and sends it to one of these connections. The id must be of such a one:
    /// unlike `post`, this does not look. Any thread; see `basic_server::send`.
    template <encodable<Codec> Message>
    error_code send(connection_id id, Message const& message) {
        return server_->send(id, encode(message));
    }

    /// Encodes a message once and sends it to those of these connections for which
    /// `filter(connection)` says so. Any thread; see `server::broadcast`.
    template <encodable<Codec> Message, std::predicate<connection_type const&> Filter>
    error_code broadcast(Message const& message, Filter filter, overflow_policy policy) {
        using filtered = detail::filtered_broadcast<dispatcher_type, Filter>;
        auto bytes = encode(message);
        return server_->begin_broadcast(
            [&] { return std::make_unique<filtered>(bytes, policy, *dispatcher_, filter); });
    }
    /// \overload
    template <encodable<Codec> Message, std::predicate<connection_type const&> Filter>
    error_code broadcast(Message const& message, Filter filter) {
        return broadcast(message, std::move(filter), server_->default_overflow());
    }
    /// \overload
    template <encodable<Codec> Message>
    error_code broadcast(Message const& message) {
        return broadcast(message, [](connection_type const&) { return true; });
    }

    /// Runs `f(connection)` on the thread of the connection's worker, unless it has ended by then
    /// or is not one of these. Any thread; see `server::post`.
    template <std::invocable<connection_type&> F>
    error_code post(connection_id id, F f) {
        using request = detail::posted_function<dispatcher_type, F>;
        return server_->post(id, std::make_unique<request>(id, std::move(f), *dispatcher_));
    }

  private:
    dispatcher_type& before_start(char const* what) {
        server_->require_not_started(what);
        return *dispatcher_;
    }

    basic_server* server_;
    dispatcher_type* dispatcher_; // the server's
};

} // namespace millipede
