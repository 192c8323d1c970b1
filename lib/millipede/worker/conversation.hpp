// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/worker/conversation_state.hpp>

#include <boost/asio/async_result.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <concepts>
#include <cstdint>
#include <span>
#include <utility>

namespace millipede {

/// One connection as a thread of execution of its own sees it, such as a coroutine: messages are
/// asked for, not handed in. Given to the function of `server::run` or `server::on_connection`.
///
///     server.run([](auto peer) -> boost::asio::awaitable<void> {
///         for (;;) co_await peer.async_send(co_await peer.async_receive());
///     });
///
/// A handle, to be copied freely. The connection is closed when the coroutine that it was given to
/// has ended, or when the last handle has gone. Handles may outlive the connection: operations
/// then complete with the reason of its end, and `session()` is still there.
///
/// While nobody receives nothing is read, so a peer that is faster than its coroutine is slowed
/// down by TCP. What the last read had brought beyond the message asked for waits, at most
/// `options::scratch_bytes`.
///
/// Operations that begin after the end complete with its reason. A coroutine that goes on to begin
/// some more (16) has not noticed, as one may that receives in an `||` with a timer: what it waits
/// for is cancelled.
///
/// Operations take any completion token of Asio's. Handlers run on their associated executor, or
/// on the worker's; operations end with `operation_aborted` when a cancellation slot asks for it.
///
/// Thread contract: that of `get_executor()`, its worker's thread; coroutines of a server run
/// there unless they move away. From elsewhere: `server::send`, `async_send` and `post` by `id()`.
/// Not to be used when the server is no more.
template <class Session = no_session, codec Codec = frame_codec>
class conversation {
    using state_type = detail::conversation_state<Session, Codec>;

  public:
    /// That of an io_context.
    using executor_type = boost::asio::io_context::executor_type;
    /// The codec's messages.
    using message_type = typename Codec::message_type;

    /// Made by the server.
    explicit conversation(boost::intrusive_ptr<state_type> state) noexcept
        : state_{std::move(state)} {
        state_->add_handle();
    }
    /// One more handle to the same connection.
    conversation(conversation const& other) noexcept : state_{other.state_} {
        if (state_) state_->add_handle();
    }
    conversation(conversation&&) noexcept = default;
    /// Lets go of one connection and holds another.
    conversation& operator=(conversation other) noexcept {
        std::swap(state_, other.state_);
        return *this;
    }
    ~conversation() {
        if (state_) state_->drop_handle();
    }

    /// Its name, for ever and for any thread.
    connection_id id() const noexcept { return state_->id(); }
    /// Its worker's executor.
    executor_type get_executor() const noexcept { return state_->get_executor(); }
    /// The index of its worker, from 0: what `per_worker` counts by.
    std::uint32_t worker_index() const noexcept { return state_->id().worker(); }
    /// The server's codec.
    Codec const& get_codec() const noexcept { return state_->get_codec(); }

    /// What the server keeps per connection. After the end of the connection it is here, at
    /// another address, as long as there is a handle.
    Session& session() const noexcept { return state_->session(); }
    /// The session's members.
    Session* operator->() const noexcept { return &session(); }

    /// Whether the connection has not ended.
    bool is_open() const noexcept { return !state_->over(); }

    /// The address of the peer, as `basic_connection::remote_endpoint`; `stale_connection` when the
    /// connection has ended.
    boost::asio::ip::tcp::endpoint remote_endpoint(error_code& code) const {
        if (is_open()) return state_->connection().remote_endpoint(code);
        code = errc::stale_connection;
        return {};
    }

    /// Receives the next message. Completes with `(error_code, message_type)`: the message, which
    /// stays where it is until the next `async_receive`; or the reason of the connection's end
    /// (`errc::closed_by_peer`, `idle_timeout`, `stopping` ...), behind all messages that were
    /// received before. Then `close_reason` tells the kinds apart.
    /// Other errors: `already_started`, when somebody receives already; `operation_aborted`, and
    /// no message was lost.
    template <boost::asio::completion_token_for<void(error_code, message_type)> Token =
                  boost::asio::use_awaitable_t<>>
    auto async_receive(Token&& token = {}) const {
        return boost::asio::async_initiate<Token, void(error_code, message_type)>(
            receiving<detail::as_received>{*this}, token);
    }

    /// Receives the next message as `Message`; any other is against the protocol: it completes with
    /// `unknown_command`, or `bad_message` for a wrong length, and the connection is closed.
    template <message Message, boost::asio::completion_token_for<void(error_code, Message)> Token =
                                   boost::asio::use_awaitable_t<>>
        requires std::default_initializable<Message>
    auto async_receive(Token&& token = {}) const {
        return boost::asio::async_initiate<Token, void(error_code, Message)>(
            receiving<detail::as_message<Message>>{*this}, token);
    }

    /// Sends what `connection::send` does, at once. False when the connection is ending or its
    /// output full: `options::overflow` says what becomes of it then. \throws what the codec throws
    template <class... Message>
        requires requires(connection<Session, Codec>& to, Message const&... what) {
            to.send(what...);
        }
    bool send(Message const&... what) const { return state_->send(what...); }

    /// Sends a message or a `payload` when the peer has taken what was sent to it before, or the
    /// kernel has. Completes with `(error_code)` when the engine has the bytes: until then nobody
    /// needs to make more of them. So nothing is dropped, whatever the policy, and a peer that does
    /// not read makes those wait who send to it, until the write timeout ends the connection.
    /// Several sends that wait keep their order; a `send` meanwhile overtakes them.
    /// Errors: the reason of the connection's end; `operation_aborted`, and it will not be sent;
    /// `buffers_exhausted`, and it was not.
    /// \throws what the codec throws, when it begins.
    template <class Message, boost::asio::completion_token_for<void(error_code)> Token =
                                 boost::asio::use_awaitable_t<>>
        requires(encodable<Message, Codec> || std::same_as<Message, payload>)
    auto async_send(Message what, Token&& token = {}) const {
        if constexpr (!std::same_as<Message, payload>) { // what an initiation throws nobody catches
            counting_sink probe;
            get_codec().encode(what, probe);
        }
        return boost::asio::async_initiate<Token, void(error_code)>(sending{*this}, token,
                                                                    std::move(what));
    }

    /// The same for a command and its data, where the codec has commands. The data is copied.
    template <
        boost::asio::completion_token_for<void(error_code)> Token = boost::asio::use_awaitable_t<>>
    auto async_send(std::uint16_t command, std::span<std::byte const> data,
                    Token&& token = {}) const {
        return async_send(get_codec().encode(command, data), std::forward<Token>(token));
    }

    /// Ends the connection: what was sent still goes out. `on_close`, and operations that are
    /// pending, get `reason`. The first call counts.
    void close(error_code reason = errc::closed_by_server) const noexcept { state_->close(reason); }

    /// The library's own.
    state_type& state() const noexcept { return *state_; }

  private:
    // Asio asks what initiates an operation for its executor.
    template <class Convert>
    struct receiving {
        using executor_type = conversation::executor_type;
        conversation self;
        executor_type get_executor() const noexcept { return self.get_executor(); }
        template <class Handler>
        void operator()(Handler handler) const {
            self.state_->begin_receive(std::move(handler), Convert{self.state_});
        }
    };
    struct sending {
        using executor_type = conversation::executor_type;
        conversation self;
        executor_type get_executor() const noexcept { return self.get_executor(); }
        template <class Handler, class Message>
        void operator()(Handler handler, Message what) const {
            self.state_->begin_send(std::move(handler), what);
        }
    };

    boost::intrusive_ptr<state_type> state_;
};

} // namespace millipede
