// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/client/blocking_call.hpp>
#include <millipede/client/conversation.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/system/system_error.hpp>

#include <concepts>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace millipede {

/// A client of a server that talks `Codec`: connects, sends, asks and gets replies, is pushed to,
/// and comes back when its connection has ended. Cheap when idle: no buffer, one timer, about 2 KB
/// of user memory; thousands of clients may share an executor.
///
/// A server's heartbeat (`millipede::heartbeat_command`) is answered without a word to the user,
/// unless `on` has a handler for it. Without commands nobody can tell such a question from a reply:
/// let no server ask (`set_heartbeat`) clients that send requests by such a codec.
///
/// Thread contract: as for Asio's sockets, one thread at a time: all members are called on the
/// client's executor (an io_context that one thread runs, or a strand), where handlers are called
/// as well. Only the blocking twins, `connect` and `request`, are for any other thread. Destroyed
/// on its executor, or when nobody runs it; operations under way then end with `operation_aborted`.
template <codec Codec = frame_codec>
class basic_client : public client_conversation<Codec> {
    using base = client_conversation<Codec>;
    using base::speaker_;

  public:
    /// An address and a port.
    using endpoint_type = boost::asio::ip::tcp::endpoint;
    using typename base::executor_type;
    using typename base::message_type;
    /// What `on_connected` is called with.
    using opening_type = client_opening<Codec>;

    /// \throws invalid_option
    explicit basic_client(executor_type executor, client_options wanted = {},
                          Codec settings = Codec{})
        : base{std::make_shared<detail::client_speaker<Codec>>(
              std::move(executor), std::move(wanted), std::move(settings))} {}

    /// \overload
    template <std::derived_from<boost::asio::execution_context> ExecutionContext>
    explicit basic_client(ExecutionContext& context, client_options wanted = {},
                          Codec settings = Codec{})
        : basic_client{context.get_executor(), std::move(wanted), std::move(settings)} {}

    basic_client(basic_client&&) noexcept = default;
    /// Closes what it was.
    basic_client& operator=(basic_client&& other) noexcept {
        if (this != &other) abandon();
        base::operator=(std::move(other));
        return *this;
    }
    ~basic_client() { abandon(); }

    // Handlers, set before `async_connect`; later, std::logic_error. An exception that escapes one
    // ends the connection (`errc::handler_failed`) and leaves through whoever runs the executor.

    /// Calls `handler(message)` for every frame of `Message::command` that answers no request. Data
    /// of a wrong length end the connection (`errc::bad_message`).
    template <message Message, std::invocable<Message const&> Handler>
        requires commanded<Codec>
    void on(Handler handler) {
        on(Message::command, [handler = std::move(handler), speaker = std::weak_ptr{speaker_}](
                                 message_type const& frame) mutable {
            if (auto message = decode_data<Message>(frame.data()))
                handler(*message);
            else if (auto self = speaker.lock())
                self->refuse(errc::bad_message);
        });
    }

    /// Calls `handler(frame)` for every frame of `command` that answers no request. The frame is
    /// valid until the handler returns.
    template <std::invocable<message_type const&> Handler>
        requires commanded<Codec>
    void on(std::uint16_t command, Handler handler) { speaker_->on(command, std::move(handler)); }

    /// Calls `handler(message)` for every message that answers no request and has no other handler.
    /// Without it such messages wait for `async_receive`.
    template <std::invocable<message_type const&> Handler>
    void on_message(Handler handler) {
        speaker_->on_message(std::move(handler));
    }

    /// Has every connection begin with `handler(connection) -> awaitable<void>`, the first one and
    /// those that follow: the place to log in. `connection` is a `client_opening&`, with
    /// `async_send` and `async_request`; everybody else's messages wait until the coroutine is
    /// over. An exception ends the connection, with the code of a system_error or
    /// `errc::handler_failed`; then comes the next attempt, if the client reconnects.
    template <std::invocable<client_opening<Codec>&> Handler>
    void on_connected(Handler handler) {
        speaker_->require_closed("on_connected()");
        auto shared = std::make_shared<Handler>(std::move(handler));
        speaker_->on_connected = [weak = std::weak_ptr{speaker_}, shared](auto number, auto done) {
            auto speaker = weak.lock(); // who calls is alive
            boost::asio::co_spawn(speaker->get_executor(), open(shared, {speaker, number}),
                                  [done = std::move(done)](std::exception_ptr failure) {
                                      done(detail::code_of(failure));
                                  });
        };
    }

    /// Calls `handler(client_state, error_code)` after every change, with the reason of endings.
    template <std::invocable<client_state, error_code const&> Handler>
    void on_state(Handler handler) {
        speaker_->require_closed("on_state()");
        speaker_->on_state = std::move(handler);
    }

    /// For codecs without commands, or another heartbeat than `client_options::heartbeat_command`:
    /// a message that the server answers, for frames with the same command.
    template <encodable<Codec> Message>
    void heartbeat_message(Message const& message) {
        speaker_->set_heartbeat(detail::encoded(speaker_->get_codec(), message));
    }

    /// Connects: `void(error_code)`. Success comes after `on_connected`. The name is resolved,
    /// anew for every attempt, and its addresses are tried in turn.
    ///
    /// Errors: what the last address failed with; `errc::connect_timeout`; of TLS, codes of
    /// `certificate_category()` and "asio.ssl"; `already_open` when the client is not closed;
    /// `invalid_argument` for a `heartbeat_interval` without a `heartbeat_message`. Cancelling it
    /// closes the client.
    template <boost::asio::completion_token_for<void(error_code)> CompletionToken>
    auto async_connect(std::string host, std::string service, CompletionToken&& token) {
        return connect_to({std::move(host), std::move(service), {}}, token);
    }
    /// The same to addresses, tried in turn.
    template <boost::asio::completion_token_for<void(error_code)> CompletionToken>
    auto async_connect(std::vector<endpoint_type> endpoints, CompletionToken&& token) {
        return connect_to({{}, {}, std::move(endpoints)}, token);
    }
    /// \overload
    template <boost::asio::completion_token_for<void(error_code)> CompletionToken>
    auto async_connect(endpoint_type const& endpoint, CompletionToken&& token) {
        return connect_to({{}, {}, {endpoint}}, token);
    }

    // The blocking twins: on any thread but the executor's own, which another thread must run. On
    // the executor's own (an io_context's, a strand's) they fail with
    // resource_deadlock_would_occur.

    /// As `async_connect`; `where` is a host and a service, or what else that takes.
    template <class... Where>
        requires(!std::same_as<error_code, std::remove_cvref_t<Where>> && ...)
    void connect(Where... where) {
        error_code code;
        connect(std::move(where)..., code);
        if (code) throw boost::system::system_error{code, "connect"};
    }
    /// \overload
    void connect(std::string host, std::string service, error_code& code) {
        connect_and_wait({std::move(host), std::move(service), {}}, code);
    }
    /// \overload
    void connect(std::vector<endpoint_type> endpoints, error_code& code) {
        connect_and_wait({{}, {}, std::move(endpoints)}, code);
    }
    /// \overload
    void connect(endpoint_type const& endpoint, error_code& code) {
        connect_and_wait({{}, {}, {endpoint}}, code);
    }

    /// As `async_request`.
    template <class Reply = void, message Request>
        requires commanded<Codec> reply_of<Reply, Request> request(Request const& wanted,
                                                                   error_code& code) {
            using reply_type = reply_of<Reply, Request>;
            return detail::blocking_call<reply_type>(
                this->get_executor(),
                [&](auto handler) {
                    this->template async_request<Reply>(wanted, std::move(handler));
                },
                code);
        }
    /// \overload
    template <class Reply = void, message Request>
        requires commanded<Codec> reply_of<Reply, Request> request(Request const& wanted) {
            error_code code;
            auto reply = request<Reply>(wanted, code);
            if (code) throw boost::system::system_error{code, "request"};
            return reply;
        }

    /// Says that the server, which is about to end the connection, wants this client back after
    /// `pause` (up to `reconnect_options::come_back_max`) and not earlier: for the handler of its
    /// goodbye. Takes the place of the next pause. No effect on a client that does not reconnect.
    void come_back_after(std::chrono::milliseconds pause) { speaker_->come_back_after(pause); }

    /// What it is doing.
    client_state state() const noexcept { return speaker_->state(); }
    /// Whether messages can be sent now.
    bool connected() const noexcept { return state() == client_state::connected; }

    /// Whom it is connected to. \throws boost::system::system_error
    endpoint_type remote_endpoint() const {
        error_code code;
        auto endpoint = speaker_->remote_endpoint(code);
        if (code) throw boost::system::system_error{code, "remote_endpoint"};
        return endpoint;
    }

    /// Those in force.
    client_options const& options() const noexcept { return speaker_->limits(); }

    /// Ends all operations under way with `operation_aborted`; the connection stays. While
    /// `async_connect` is under way, closes the client.
    void cancel() { speaker_->cancel(); }

    /// Ends the connection at once, and all operations with `operation_aborted`; it does not come
    /// back. What was not completed by then may not have been sent. `async_connect` may follow.
    void close() { speaker_->close(); }

  private:
    static boost::asio::awaitable<void> open(auto handler, opening_type connection) {
        co_await (*handler)(connection);
    }

    template <class CompletionToken>
    auto connect_to(detail::client_target target, CompletionToken& token) {
        return boost::asio::async_initiate<CompletionToken, void(error_code)>(
            [](auto handler, auto speaker, detail::client_target wanted) {
                detail::client_completion<> done{std::move(handler), speaker->get_executor()};
                speaker->connect(std::move(wanted), std::move(done));
            },
            token, speaker_, std::move(target));
    }

    void connect_and_wait(detail::client_target target, error_code& code) {
        detail::blocking_call<void>(
            this->get_executor(), [&](auto handler) { connect_to(std::move(target), handler); },
            code);
    }

    void abandon() noexcept {
        if (speaker_) speaker_->abandon();
    }
};

/// A client of framed servers, such as `millipede::server<>`.
using client = basic_client<>;

} // namespace millipede
