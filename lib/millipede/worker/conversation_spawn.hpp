// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/worker/conversation.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>

#include <atomic>
#include <concepts>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

namespace millipede::detail {

/// What may talk to connections: a coroutine, or a function that begins operations with other
/// tokens and returns.
template <class F, class Conversation>
concept talker = std::invocable<F const&, Conversation> &&
    (std::is_void_v<std::invoke_result_t<F const&, Conversation>> ||
     std::same_as<std::invoke_result_t<F const&, Conversation>, boost::asio::awaitable<void>>);

/// Counts a coroutine for its worker as long as it lives, however it goes: some are destroyed
/// without having ended.
class coroutine_count {
  public:
    explicit coroutine_count(std::shared_ptr<std::atomic<std::uint32_t>> all) noexcept
        : all_{std::move(all)} {
        ++*all_;
    }
    coroutine_count(coroutine_count&&) noexcept = default;
    coroutine_count& operator=(coroutine_count&&) = delete;
    ~coroutine_count() { end(); }

    void end() noexcept {
        if (auto all = std::move(all_)) --*all;
    }

  private:
    std::shared_ptr<std::atomic<std::uint32_t>> all_;
};

/// The end of a connection's coroutine is that of the connection.
template <class Conversation, class State>
struct coroutine_end {
    Conversation held;
    State* state;
    coroutine_count counted;

    void operator()(std::exception_ptr thrown) {
        if (thrown)
            state->fail(thrown);
        else
            state->close(errc::closed_by_server);
        counted.end();
        state->owner().coroutine_ended();
    }
};

/// Has `F` talk to each connection.
template <class Session, codec Codec, class F>
class talking_host final : public conversation_host<connection<Session, Codec>> {
    using state = conversation_state<Session, Codec>;
    using handle = conversation<Session, Codec>;
    using connection_type = connection<Session, Codec>;

  public:
    talking_host(dispatcher<Session, Codec> const& speaker, F talk)
        : speaker_{&speaker}, talk_{std::move(talk)} {}

    void begin(connection_type& typed, worker& owner, connection_record& record,
               conversation_core*& place) override {
        boost::intrusive_ptr<state> made{new state{typed, owner, record, *speaker_}};
        place = made.get(); // and so an owner
        intrusive_ptr_add_ref(place);
        made->begin([&] { begin_talk(handle{made}); });
    }

    void room(conversation_core& held) override { held.room(); }

    void end(conversation_core& held, error_code const& reason) override {
        boost::intrusive_ptr<state> left{static_cast<state*>(&held), false};
        left->end(reason);
    }

    /// Within the handlers of the connection.
    void deliver(connection_type& typed, typename Codec::message_type const& received) const {
        static_cast<state*>(speaker_->conversation_of(typed))->deliver(received);
    }

  private:
    void begin_talk(handle peer) const {
        if constexpr (std::is_void_v<std::invoke_result_t<F const&, handle>>) {
            talk_(std::move(peer));
        } else {
            auto& made = peer.state();
            auto slot = made.cancellation().slot();
            coroutine_end<handle, state> end{peer, &made,
                                             coroutine_count{made.owner().coroutines()}};
            boost::asio::co_spawn(
                made.get_executor(),
                [this, peer = std::move(peer)]() mutable { return talk_(std::move(peer)); },
                boost::asio::bind_cancellation_slot(slot, std::move(end)));
        }
    }

    dispatcher<Session, Codec> const* speaker_;
    F talk_;
};

template <class Session, codec Codec, class F>
void hold_conversations(dispatcher<Session, Codec>& speaker, F talk) {
    auto host = std::make_unique<talking_host<Session, Codec, F>>(speaker, std::move(talk));
    speaker.any_handler = [to = host.get()](auto& connection, auto const& received) {
        to->deliver(connection, received);
    };
    speaker.conversations = std::move(host);
}

} // namespace millipede::detail
