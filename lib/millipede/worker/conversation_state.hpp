// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/worker/conversation_core.hpp>
#include <millipede/worker/dispatcher.hpp>

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/error.hpp>

#include <new>
#include <optional>
#include <stdexcept>
#include <tuple>
#include <type_traits>
#include <utility>

namespace millipede::detail {

/// A conversation about messages of one codec. The worker's thread.
template <class Session, codec Codec>
class conversation_state final : public conversation_core {
    static_assert(std::is_nothrow_move_constructible_v<Session>,
                  "the session of a conversation moves out of its slot when the connection ends");

  public:
    using message_type = typename Codec::message_type;
    using dispatcher_type = dispatcher<Session, Codec>;
    using connection_type = typename dispatcher_type::connection_type;

    conversation_state(connection_type& connection, worker& owner, connection_record& record,
                       dispatcher_type const& speaker) noexcept
        : conversation_core{connection, owner, record},
          speaker_{&speaker},
          session_{&connection.session()} {}

    Session& session() const noexcept { return *session_; }
    Codec const& get_codec() const noexcept { return speaker_->get_codec(); }

    /// `convert(error, message)` makes what `handler` gets; the message is null with an error.
    template <class Handler, class Convert>
    void begin_receive(Handler handler, Convert convert) {
        auto slot = boost::asio::get_associated_cancellation_slot(handler);
        auto number = receive(make_completion<error_code, message_type const*>(
            std::move(handler), get_executor(), std::move(convert)));
        if (slot.is_connected())
            slot.assign(
                [self = boost::intrusive_ptr{this}, number](boost::asio::cancellation_type kind) {
                    if (cancels(kind)) self->cancel_receive(number);
                });
    }

    template <class Handler, class Message>
    void begin_send(Handler handler, Message const& what) {
        auto slot = boost::asio::get_associated_cancellation_slot(handler);
        auto done = make_completion<error_code>(std::move(handler), get_executor());
        if (over()) {
            late_operation();
            done.release()->post(reason());
        } else if (!closing() && !sends_wait() && takes_output()) {
            if (send(what))
                complete_soon(std::move(done));
            else
                done.release()->post(errc::buffers_exhausted); // the queue was empty
        } else {
            auto number = send_later(encoded(what), std::move(done));
            if (slot.is_connected())
                slot.assign([self = boost::intrusive_ptr{this},
                             number](boost::asio::cancellation_type kind) {
                    if (cancels(kind)) self->cancel_send(number);
                });
        }
    }

    /// At once.
    template <class... Message>
    bool send(Message const&... what) {
        if (over()) return false;
        bool taken = false;
        auto base = connection();
        auto f = [&](connection_type& typed) { taken = typed.send(what...); };
        speaker_->with(base, f);
        owner().settle_soon();
        return taken;
    }

    // The engine's calls.

    /// The connection begins; `f` makes whatever talks to it.
    template <class F>
    void begin(F f) {
        drive(std::move(f));
        if (!pending_) rest(false);
    }

    /// Within the handlers of the connection: the next message.
    void deliver(message_type const& received) {
        if (waits_) throw std::logic_error{"receiving was resumed while a conversation rests"};
        if (!keep(received)) return connection().close(errc::buffers_exhausted);
        bool wanted = pending_ != nullptr;
        waits_ = !wanted;
        if (wanted)
            drive([&] { std::exchange(pending_, nullptr).release()->dispatch({}, &message_); });
        if (!pending_) rest(wanted);
    }

    void end(error_code const& reason) {
        auto keep_session = [&] {
            if (!held()) return;
            kept_session_.emplace(std::move(*session_));
            session_ = &*kept_session_;
        };
        boost::intrusive_ptr self{this};
        struct at_exit { // whatever handlers throw
            decltype(keep_session)& f;
            ~at_exit() { f(); }
        } at_exit{keep_session};
        conversation_core::end(reason, [&] {
            if (!pending_) return false;
            std::exchange(pending_, nullptr).release()->dispatch(this->reason(), nullptr);
            return true;
        });
    }

  private:
    using receive_completion = completion_ptr<error_code, message_type const*>;

    struct buffer_sink {
        std::byte* at;
        void append(std::span<std::byte const> bytes) noexcept {
            if (!bytes.empty()) std::memcpy(at, bytes.data(), bytes.size());
            at += bytes.size();
        }
    };

    std::uint32_t receive(receive_completion done) {
        if (over()) {
            late_operation();
            done.release()->post(reason(), nullptr);
        } else if (pending_) {
            done.release()->post(boost::asio::error::already_started, nullptr);
        } else {
            pending_ = std::move(done);
            ++number_;
            if (waits_) {
                deliver_waiting_later();
            } else {
                release_buffer();
                go_on();
            }
        }
        return number_;
    }

    void cancel_receive(std::uint32_t number) {
        if (!pending_ || number != number_) return;
        std::exchange(pending_, nullptr)
            .release()
            ->post(boost::asio::error::operation_aborted, nullptr);
        if (!driven()) rest(false);
    }

    // A message that came when nobody received.
    void deliver_waiting_later() {
        boost::asio::post(get_executor(), [self = boost::intrusive_ptr{this}] {
            if (!self->pending_ || !std::exchange(self->waits_, false)) return;
            self->drive([&] {
                std::exchange(self->pending_, nullptr).release()->dispatch({}, &self->message_);
            });
            if (!self->pending_) self->rest(true);
        });
    }

    // Messages point into the buffer they were received in, which is others' by the time that a
    // coroutine goes on: so this has the bytes in one of its own, and decodes them there.
    bool keep(message_type const& received) {
        counting_sink measured;
        get_codec().encode(received, measured);
        auto bytes = take_buffer(measured.size);
        if (bytes.empty()) return false;
        buffer_sink sink{bytes.data()};
        get_codec().encode(received, sink);
        auto found = get_codec().decode(bytes.first(measured.size), message_);
        if (found.found != decode_result::status::complete)
            throw std::logic_error{"the codec does not decode what it has encoded"};
        return true;
    }

    static payload encoded_with(Codec const&, payload const& bytes) { return bytes; }
    template <class Message>
    static payload encoded_with(Codec const& codec, Message const& what) {
        return connection_type::encode_payload(codec, what);
    }
    template <class Message>
    payload encoded(Message const& what) const {
        return encoded_with(get_codec(), what);
    }

    dispatcher_type const* speaker_;
    Session* session_;
    std::optional<Session> kept_session_;
    receive_completion pending_;
    message_type message_{};
    std::uint32_t number_ = 0; // of the last receive
    bool waits_ = false;       // a message does, for somebody to receive it
};

/// What `async_receive` gives: the message as it is ...
struct as_received {
    template <class State>
    explicit as_received(State const&) noexcept {}

    template <class Message>
    std::tuple<error_code, Message> operator()(error_code failure, Message const* received) const {
        return {failure, received ? *received : Message{}};
    }
};

/// ... or read as `Wanted`, which it has to be.
template <class Wanted>
class as_message {
  public:
    explicit as_message(boost::intrusive_ptr<conversation_core> core) noexcept
        : core_{std::move(core)} {}

    template <class Message>
    std::tuple<error_code, Wanted> operator()(error_code failure, Message const* received) const {
        if (!received) return {failure, Wanted{}};
        if (received->command != Wanted::command) return refused(errc::unknown_command);
        if (auto message = decode_data<Wanted>(received->data()))
            return {error_code{}, *std::move(message)};
        return refused(errc::bad_message);
    }

  private:
    std::tuple<error_code, Wanted> refused(errc why) const {
        core_->close(why);
        return {why, Wanted{}};
    }

    boost::intrusive_ptr<conversation_core> core_;
};

} // namespace millipede::detail
