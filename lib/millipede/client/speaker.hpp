// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/client/engine.hpp>
#include <millipede/client/received.hpp>
#include <millipede/wire/frame.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

namespace millipede {

/// A codec whose messages say of what kind they are, as frames do.
template <class Codec>
concept commanded = codec<Codec> && requires(typename Codec::message_type const& message) {
    { message.command } -> std::convertible_to<std::uint16_t>;
};

namespace detail {

/// The bytes of a message. \throws what the codec throws.
template <class Codec, class... Message>
std::vector<std::byte> encoded(Codec const& speaker, Message const&... message) {
    encoded_bytes sink;
    speaker.encode(message..., sink);
    return std::move(sink.bytes);
}

/// The engine together with what it talks, and the handlers of what comes.
template <codec Codec>
class client_speaker final : public client_engine {
  public:
    using message_type = typename Codec::message_type;
    using handler_type = std::function<void(message_type const&)>;

    client_speaker(executor_type executor, client_options wanted, Codec settings)
        : client_engine{std::move(executor), std::move(wanted)}, codec_{std::move(settings)} {}

    Codec const& get_codec() const noexcept { return codec_; }

    void on(message_kind kind, handler_type handler) {
        require_closed("on()");
        std::erase_if(handlers_, [kind](auto const& each) { return each.first == kind; });
        handlers_.emplace_back(kind, std::make_shared<handler_type>(std::move(handler)));
    }
    void on_message(handler_type handler) {
        require_closed("on_message()");
        any_handler_ = std::make_shared<handler_type>(std::move(handler));
    }
    void set_heartbeat(std::vector<std::byte> bytes) {
        require_closed("heartbeat_message()");
        heartbeat_ = std::move(bytes);
    }

  private:
    decode_result cut(std::span<std::byte const> input, message_kind& kind) const override {
        message_type message{};
        auto found = codec_.decode(input, message);
        if constexpr (commanded<Codec>) kind = message.command;
        return found;
    }

    bool handle(std::span<std::byte const> whole, message_kind kind) override {
        for (auto const& [handled, handler] : handlers_)
            if (handled == kind) return call(handler, whole);
        if constexpr (commanded<Codec>)
            if (kind == heartbeat_command) {
                answer_heartbeat(whole);
                return true;
            }
        return any_handler_ && call(any_handler_, whole);
    }

    // By value: a handler may close the client and set another one in its own place.
    bool call(std::shared_ptr<handler_type> handler, std::span<std::byte const> whole) {
        message_type message{};
        codec_.decode(whole, message);
        (*handler)(message);
        return true;
    }

    std::vector<std::byte> heartbeat(message_kind& answer) const override {
        if constexpr (commanded<Codec>) {
            answer = limits().heartbeat_command;
            if (heartbeat_.empty())
                return encoded(codec_, limits().heartbeat_command, std::span<std::byte const>{});
        }
        return heartbeat_;
    }

    std::size_t message_size_max() const noexcept override { return codec_.size_max(); }

    Codec codec_;
    std::vector<std::pair<message_kind, std::shared_ptr<handler_type>>> handlers_;
    std::shared_ptr<handler_type> any_handler_;
    std::vector<std::byte> heartbeat_; ///< Empty: the codec's own.
};

/// Somebody who awaits the next message.
template <codec Codec>
class message_receiver final : public receiver {
  public:
    using completion_type = client_completion<received<Codec>>;

    message_receiver(completion_type done, client_speaker<Codec>& speaker)
        : done_{std::move(done)}, codec_{speaker.get_codec()} {
        done_.on_cancel([self = speaker.weak_from_this(), this] {
            if (auto engine = self.lock()) engine->give_up(*this);
        });
    }
    void deliver(payload message) override {
        done_({}, received<Codec>{std::move(message), codec_});
    }
    void fail(error_code const& why) override { done_(why, received<Codec>{}); }

  private:
    completion_type done_;
    Codec codec_;
};

} // namespace detail
} // namespace millipede
