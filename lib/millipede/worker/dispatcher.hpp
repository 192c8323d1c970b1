// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/wire/codec.hpp>
#include <millipede/wire/frame.hpp>
#include <millipede/worker/connection.hpp>
#include <millipede/worker/protocol.hpp>

#include <array>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <new>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

namespace millipede {

/// The session of servers that keep nothing per connection.
struct no_session {};

namespace detail {
template <class Session, codec Codec>
class dispatcher;
}

/// A connection with its session and its codec; what handlers get. `connection->member` is the
/// session's. For the thread contract see `basic_connection`.
template <class Session = no_session, codec Codec = frame_codec>
class connection : public basic_connection {
  public:
    /// What the server keeps for it.
    Session& session() const noexcept {
        return *std::launder(static_cast<Session*>(session_memory()));
    }
    /// The session's members.
    Session* operator->() const noexcept { return &session(); }

    using basic_connection::send;

    /// Encodes and sends whatever the codec encodes. False when the connection is ending or its
    /// output full. \throws what the codec throws, such as std::length_error.
    template <class Message>
        requires requires(Codec const& codec, Message const& message, counting_sink& sink) {
            codec.encode(message, sink);
        }
    bool send(Message const& message) {
        if (out().gathers(record())) {
            encode_in_place(message);
            return true;
        }
        return basic_connection::send(encode_payload(*codec_, message));
    }

    /// The same with a policy of its own; see `basic_connection::send`.
    template <class Message>
        requires encodable<Message, Codec>
    bool send(Message const& message, overflow_policy policy) {
        if (out().gathers(record())) return send(message);
        return basic_connection::send(encode_payload(*codec_, message), policy);
    }

    /// The same for a command and its data, where the codec has commands.
    bool send(std::uint16_t command, std::span<std::byte const> data) requires
        requires(Codec const& codec, counting_sink& sink) {
        codec.encode(command, data, sink);
    }
    {
        if (out().gathers(record())) {
            encode_in_place(command, data);
            return true;
        }
        return basic_connection::send(codec_->encode(command, data));
    }

    /// The server's codec.
    Codec const& get_codec() const noexcept { return *codec_; }

    /// A message encoded once, to be sent to many.
    template <class Message>
    static payload encode_payload(Codec const& codec, Message const& message) {
        struct {
            std::vector<std::byte> bytes;
            void append(std::span<std::byte const> more) {
                bytes.insert(bytes.end(), more.begin(), more.end());
            }
        } sink;
        codec.encode(message, sink);
        return payload{sink.bytes};
    }

  private:
    friend class detail::dispatcher<Session, Codec>;

    connection(basic_connection& base, Codec const& codec) noexcept
        : basic_connection{base}, codec_{&codec} {}

    // All or nothing of a message: an encoding that throws half way leaves no torn one behind.
    template <class... Message>
    void encode_in_place(Message const&... message) {
        auto begin = out().begin_message();
        try {
            codec_->encode(message..., out());
        } catch (...) {
            out().take_back(begin);
            throw;
        }
    }

    Codec const* codec_;
};

namespace detail {

class conversation_core;

/// What connections of a server with conversations (see `conversation`) have beside their handlers.
template <class Connection>
class conversation_host {
  public:
    virtual ~conversation_host() = default;
    /// `place` is for what the others get, as long as the connection is open; null without it.
    virtual void begin(Connection& connection, worker& owner, connection_record& record,
                       conversation_core*& place) = 0;
    virtual void room(conversation_core& held) = 0;
    virtual void end(conversation_core& held, error_code const& reason) = 0;
};

/// A codec and the handlers of its messages: turns bytes into handler calls. Handlers are set
/// before the start; then all workers call them at once.
template <class Session, codec Codec>
class dispatcher final : public protocol {
    static_assert(alignof(Session) <= 8, "slots are aligned to 8 bytes");
    static_assert(std::is_nothrow_default_constructible_v<Session>,
                  "a session begins without failing; fill it in on_open");

  public:
    using connection_type = connection<Session, Codec>;
    using message_type = typename Codec::message_type;
    using message_handler = std::function<void(connection_type&, message_type const&)>;

    static constexpr bool has_commands = requires(message_type const& m) {
        { m.command } -> std::convertible_to<std::uint16_t>;
    };

    explicit dispatcher(Codec settings) : codec_{std::move(settings)} {}

    Codec const& get_codec() const noexcept { return codec_; }

    std::function<void(connection_type&)> open_handler;
    std::function<void(connection_type&, overflow_event const&)> overflow_handler;
    std::function<void(connection_type&, error_code const&)> close_handler;
    std::function<void(connection_type&, std::chrono::milliseconds)> drain_handler;
    std::function<void(connection_type&, error_code const&)> timeout_handler;
    /// For messages that no command's handler takes.
    message_handler any_handler;
    /// Null: there are no conversations.
    std::unique_ptr<conversation_host<connection_type>> conversations;

    message_handler& handler_of(std::uint16_t command) requires has_commands {
        auto& page = pages_[command >> 8];
        if (!page) page = std::make_unique<page_type>();
        return (*page)[command & 0xff];
    }

    /// Calls `f(connection_type&)`, unless the connection speaks another protocol.
    template <class F>
    void with(basic_connection& base, F& f) const {
        connection_type typed{base, codec_};
        if (&typed.speaker() == this) f(typed);
    }

    /// The conversation with a connection; only with `conversations`, which says where it is.
    conversation_core*& conversation_of(basic_connection& base) const noexcept {
        connection_type typed{base, codec_};
        auto* slot = static_cast<std::byte*>(typed.session_memory()) + conversation_offset;
        return *std::launder(reinterpret_cast<conversation_core**>(slot));
    }

    std::vector<std::uint16_t> commands() const override {
        std::vector<std::uint16_t> found;
        for (std::uint32_t command = 0; command < 256 * pages_.size(); ++command)
            if (auto const& page = pages_[command >> 8]; page && (*page)[command & 0xff])
                found.push_back(static_cast<std::uint16_t>(command));
        return found;
    }

    std::size_t session_bytes() const noexcept override {
        if (conversations) return conversation_offset + sizeof(conversation_core*);
        return is_nothing ? 0 : sizeof(Session);
    }

    void on_open(basic_connection& base) override {
        connection_type typed{base, codec_};
        if constexpr (!is_nothing) new (typed.session_memory()) Session{};
        if (conversations) {
            auto* place = static_cast<std::byte*>(typed.session_memory()) + conversation_offset;
            new (place) conversation_core* {nullptr};
        }
        typed.begin(activity::opening);
        if (open_handler) open_handler(typed);
        if (conversations && !typed.ending())
            conversations->begin(typed, typed.owner(), typed.record(), conversation_of(base));
    }

    input_result on_input(basic_connection& base, std::span<std::byte const> input) override {
        using status = decode_result::status;
        connection_type typed{base, codec_};
        std::uint32_t consumed = 0;
        for (;;) {
            message_type message{};
            auto found = decode(typed, input.subspan(consumed), message);
            auto size = static_cast<std::uint32_t>(found.size);
            if (found.found == status::incomplete)
                return {consumed, size, input_result::next::go_on};
            if (found.found == status::refused) {
                typed.close(found.why);
                return {consumed, 0, input_result::next::end};
            }
            consumed += size;
            if (found.found == status::skipped) continue;
            if (!handle(typed, message)) typed.close(errc::unknown_command);
            if (!typed.receiving())
                return {consumed, 0,
                        typed.ending() ? input_result::next::end : input_result::next::pause};
        }
    }

    void on_overflow(basic_connection& base, overflow_event const& event) override {
        if (!overflow_handler) return;
        connection_type typed{base, codec_};
        typed.begin(activity::overflowing);
        overflow_handler(typed, event);
    }

    void on_room(basic_connection& base) override {
        if (!conversations) return;
        if (auto* held = conversation_of(base)) conversations->room(*held);
    }

    void on_drain(basic_connection& base, std::chrono::milliseconds come_back_after) override {
        if (!drain_handler) return;
        connection_type typed{base, codec_};
        typed.begin(activity::draining);
        drain_handler(typed, come_back_after);
    }

    bool on_message_timeout(basic_connection& base, error_code const& reason) override {
        if (!timeout_handler) return false;
        connection_type typed{base, codec_};
        typed.begin(activity::timing_out);
        timeout_handler(typed, reason);
        return true;
    }

    void on_close(basic_connection& base, error_code reason) noexcept override {
        connection_type typed{base, codec_};
        typed.begin(activity::closing);
        if (close_handler) {
            try {
                close_handler(typed, reason);
            } catch (...) {
                typed.callback_failed("on_close");
            }
        }
        if (conversations) end_conversation(typed, base, reason);
        if constexpr (!is_nothing) typed.session().~Session();
    }

  private:
    using page_type = std::array<message_handler, 256>;

    // Needs no room in the slot, and nobody notices whether it is made.
    static constexpr bool is_nothing = std::is_empty_v<Session> && std::is_trivial_v<Session>;

    // Where its place is in a slot: behind the session.
    static constexpr std::size_t conversation_offset =
        is_nothing ? 0 : (sizeof(Session) + 7) / 8 * 8;

    decode_result decode(connection_type& typed, std::span<std::byte const> input,
                         message_type& message) const {
        if constexpr (session_codec<Codec, Session>)
            return codec_.decode(input, message, typed.session());
        else
            return codec_.decode(input, message);
    }

    void end_conversation(connection_type& typed, basic_connection& base,
                          error_code const& reason) noexcept {
        auto* held = std::exchange(conversation_of(base), nullptr);
        if (!held) return;
        try {
            conversations->end(*held, reason);
        } catch (...) {
            typed.callback_failed("the end of a conversation");
        }
    }

    // False when there is no handler.
    bool handle(connection_type& typed, message_type const& message) {
        if constexpr (has_commands) {
            typed.begin_message(handling(message.command));
            auto const& page = pages_[message.command >> 8];
            if (page)
                if (auto const& handler = (*page)[message.command & 0xff]) {
                    typed.count_command(message.command);
                    handler(typed, message);
                    return true;
                }
        } else {
            typed.begin_message(activity::message);
        }
        if (!any_handler) return false;
        any_handler(typed, message);
        return true;
    }

    Codec codec_;
    // Two levels, because most servers have a handful of commands out of 65,536.
    std::array<std::unique_ptr<page_type>, has_commands ? 256 : 0> pages_;
};

} // namespace detail
} // namespace millipede
