// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/client/completion.hpp>
#include <millipede/client/outstanding.hpp>
#include <millipede/wire/payload.hpp>

#include <exception>
#include <functional>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace millipede::detail {

/// The bytes that a codec makes of messages.
struct encoded_bytes {
    std::vector<std::byte> bytes{};
    void append(std::span<std::byte const> more) {
        bytes.insert(bytes.end(), more.begin(), more.end());
    }
};

/// A message on its way to the server, and whoever waits until it is sent or answered.
class exchange {
  public:
    explicit exchange(std::vector<std::byte> message) : bytes{std::move(message)} {}
    virtual ~exchange() = default;
    exchange(exchange const&) = delete;
    exchange& operator=(exchange const&) = delete;

    /// It is sent (`reply` is empty), or answered. \returns why the reply cannot be one.
    virtual error_code complete(std::span<std::byte const> reply) = 0;
    virtual void fail(error_code const& why) = 0;
    /// Has `f` called when whoever waits cancels.
    virtual void on_cancel(std::function<void()> f) = 0;

    bool awaits_reply() const noexcept { return awaited.has_value(); }

    std::vector<std::byte> bytes; ///< Empty once they have been handed to a connection.
    std::optional<message_kind> awaited{};
    moment deadline = never; ///< Of a request.
    std::chrono::milliseconds patience{0};
    bool of_user = true; ///< Not a heartbeat.
};

/// A message that is done with when it is sent.
class outgoing_message final : public exchange {
  public:
    outgoing_message(std::vector<std::byte> message, client_completion<> done)
        : exchange{std::move(message)}, done_{std::move(done)} {}
    error_code complete(std::span<std::byte const>) override {
        done_({});
        return {};
    }
    void fail(error_code const& why) override { done_(why); }
    void on_cancel(std::function<void()> f) override { done_.on_cancel(std::move(f)); }

  private:
    client_completion<> done_;
};

/// A message that is done with when its reply has come, which `read(bytes)` makes a
/// `std::optional<Reply>` of.
template <class Reply, class Read>
class typed_request final : public exchange {
  public:
    typed_request(std::vector<std::byte> message, client_completion<Reply> done, Read read)
        : exchange{std::move(message)}, done_{std::move(done)}, read_{std::move(read)} {}

    error_code complete(std::span<std::byte const> answer) override {
        error_code code;
        try {
            if (std::optional<Reply> reply = read_(answer)) {
                done_({}, std::move(*reply));
                return {};
            }
            code = errc::bad_message;
        } catch (std::exception const&) { // of the user's own decode
            code = errc::handler_failed;
        }
        fail(code);
        return code;
    }
    void fail(error_code const& why) override { done_(why, Reply{}); }
    void on_cancel(std::function<void()> f) override { done_.on_cancel(std::move(f)); }

  private:
    client_completion<Reply> done_;
    Read read_;
};

/// Somebody who waits for the next message that is no reply.
class receiver {
  public:
    virtual ~receiver() = default;
    virtual void deliver(payload message) = 0;
    virtual void fail(error_code const& why) = 0;
};

} // namespace millipede::detail
