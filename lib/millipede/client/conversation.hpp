// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/client/speaker.hpp>

#include <boost/asio/async_result.hpp>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <utility>

namespace millipede {

/// A message whose reply is known by its type: `using reply_type = login_done;`.
template <class T>
concept request_message = message<T> && message<typename T::reply_type>;

namespace detail {

template <class Wanted, class Request>
struct reply_of {
    using type = Wanted;
};
template <request_message Request>
struct reply_of<void, Request> {
    using type = typename Request::reply_type;
};

} // namespace detail

/// The type of a request's reply: the wanted one; of `void`, the one that the request names.
template <class Wanted, message Request>
using reply_of = typename detail::reply_of<Wanted, Request>::type;

/// What can be said to a server: the common part of a client and of the connection that
/// `on_connected` gets.
///
/// Completion tokens: callbacks, `use_future`, `use_awaitable`, `as_tuple`, `deferred`, `detached`.
/// Handlers are called on their associated executor (the client's, if they have none), never from
/// within the call. Cancelling through the slot of a token completes the operation with
/// `operation_aborted`; what was handed to a connection is sent all the same.
///
/// All operations end with the error of the connection when it ends, and with `not_connected` when
/// there is none and none is sought. Messages are encoded at once: what the codec throws for those
/// that cannot be encoded (frames: std::length_error, std::invalid_argument) leaves the call.
///
/// Thread contract: one thread at a time, that of the client's executor.
template <codec Codec>
class client_conversation {
  public:
    /// What handlers run on by default.
    using executor_type = boost::asio::any_io_executor;
    /// How bytes become messages.
    using codec_type = Codec;
    /// The codec's messages.
    using message_type = typename Codec::message_type;
    /// A message that stays after its handler.
    using received_type = received<Codec>;
    /// All times are such.
    using milliseconds = std::chrono::milliseconds;

    /// The client's executor.
    executor_type const& get_executor() const noexcept { return speaker_->get_executor(); }

    /// Sends a message: `void(error_code)`, when its bytes have been handed to the system. While a
    /// client has no connection and seeks one, the message waits for it. `errc::output_full`: too
    /// much waits.
    template <encodable<Codec> Message,
              boost::asio::completion_token_for<void(error_code)> CompletionToken>
    auto async_send(Message const& message, CompletionToken&& token) {
        return send_bytes(detail::encoded(speaker_->get_codec(), message), token);
    }

    /// Sends the frame of a command that has no type.
    template <boost::asio::completion_token_for<void(error_code)> CompletionToken>
        requires commanded<Codec>
    auto async_send(std::uint16_t command, std::span<std::byte const> data,
                    CompletionToken&& token) {
        return send_bytes(detail::encoded(speaker_->get_codec(), command, data), token);
    }

    /// Sends a request and awaits its reply: `void(error_code, Reply)`. `Reply` may be left out
    /// when the request names it (`request_message`). The reply is the next frame of its command
    /// that is not owed to an older request: a server may answer requests with replies of different
    /// commands in any order, those of one command in theirs. Any number may be under way. Such
    /// frames that nobody awaits are pushes.
    ///
    /// Errors: `errc::request_timeout` after `client_options::request_timeout`; `requests_full`,
    /// `output_full`: too much waits; `bad_message`: the data are not those of a `Reply`, which
    /// ends the connection. A request that was given up, by its time or by cancelling, keeps its
    /// place: its reply is ignored when it comes. When it has not come after as long again as the
    /// request had, the connection ends with `request_timeout`: a reply that comes then might be
    /// anybody's.
    ///
    /// `Reply` owns its data: a reply that points into what was received would outlive it.
    template <class Reply = void, message Request,
              boost::asio::completion_token_for<void(error_code, reply_of<Reply, Request>)>
                  CompletionToken>
        requires commanded<Codec>
    auto async_request(Request const& request, CompletionToken&& token) {
        return typed_request<reply_of<Reply, Request>>(request, speaker_->limits().request_timeout,
                                                       token);
    }

    /// The same with a timeout of its own, up to a year; 0: none.
    template <class Reply = void, message Request,
              boost::asio::completion_token_for<void(error_code, reply_of<Reply, Request>)>
                  CompletionToken>
        requires commanded<Codec>
    auto async_request(Request const& request, milliseconds timeout, CompletionToken&& token) {
        return typed_request<reply_of<Reply, Request>>(request, timeout, token);
    }

    /// The same for a command that has no type, answered by a frame of the same command:
    /// `void(error_code, received_type)`.
    template <boost::asio::completion_token_for<void(error_code, received<Codec>)> CompletionToken>
        requires commanded<Codec>
    auto async_request(std::uint16_t command, std::span<std::byte const> data,
                       CompletionToken&& token) {
        return request_bytes<received_type>(detail::encoded(speaker_->get_codec(), command, data),
                                            command, speaker_->limits().request_timeout,
                                            reading_messages(), token);
    }

    /// The same for codecs without commands, where every message answers the oldest request:
    /// `void(error_code, received_type)`.
    template <encodable<Codec> Message,
              boost::asio::completion_token_for<void(error_code, received<Codec>)> CompletionToken>
        requires(!commanded<Codec>)
    auto async_request(Message const& message, CompletionToken&& token) {
        return async_request(message, speaker_->limits().request_timeout,
                             std::forward<CompletionToken>(token));
    }
    /// \overload
    template <encodable<Codec> Message,
              boost::asio::completion_token_for<void(error_code, received<Codec>)> CompletionToken>
        requires(!commanded<Codec>)
    auto async_request(Message const& message, milliseconds timeout, CompletionToken&& token) {
        return request_bytes<received_type>(detail::encoded(speaker_->get_codec(), message),
                                            detail::only_kind, timeout, reading_messages(), token);
    }

    /// The next message that is neither a reply nor for a handler: `void(error_code,
    /// received_type)`. Such messages wait up to `client_options::input_max_bytes`. A client that
    /// reconnects goes on waiting over the end of a connection; one that does not gets the error.
    template <boost::asio::completion_token_for<void(error_code, received<Codec>)> CompletionToken>
    auto async_receive(CompletionToken&& token) {
        return boost::asio::async_initiate<CompletionToken, void(error_code, received_type)>(
            [](auto handler, pointer speaker) {
                detail::client_completion<received_type> done{std::move(handler),
                                                              speaker->get_executor()};
                using receiver = detail::message_receiver<Codec>;
                speaker->receive(std::make_unique<receiver>(std::move(done), *speaker));
            },
            token, speaker_);
    }

    /// \cond
  protected:
    using speaker_type = detail::client_speaker<Codec>;
    using pointer = std::shared_ptr<speaker_type>;
    using number_type = detail::client_engine::number_type;

    explicit client_conversation(pointer speaker, number_type number = 0)
        : speaker_{std::move(speaker)}, number_{number} {}
    ~client_conversation() = default;
    client_conversation(client_conversation&&) noexcept = default;
    client_conversation& operator=(client_conversation&&) noexcept = default;

    pointer speaker_;

  private:
    template <message Reply, message Request, class CompletionToken>
    auto typed_request(Request const& request, milliseconds timeout, CompletionToken& token) {
        auto read = [codec = speaker_->get_codec()](std::span<std::byte const> whole) {
            message_type message{
                /// \endcond
            };
            codec.decode(whole, message);
            return decode_data<Reply>(message.data());
        };
        return request_bytes<Reply>(detail::encoded(speaker_->get_codec(), request), Reply::command,
                                    timeout, std::move(read), token);
    }

    auto reading_messages() const {
        return [codec = speaker_->get_codec()](std::span<std::byte const> whole) {
            return std::optional<received_type>{std::in_place, payload{whole}, codec};
        };
    }

    template <class CompletionToken>
    auto send_bytes(std::vector<std::byte> bytes, CompletionToken& token) {
        return boost::asio::async_initiate<CompletionToken, void(error_code)>(
            [](auto handler, pointer speaker, number_type number, std::vector<std::byte> message) {
                detail::client_completion<> done{std::move(handler), speaker->get_executor()};
                speaker->submit(
                    std::make_unique<detail::outgoing_message>(std::move(message), std::move(done)),
                    number);
            },
            token, speaker_, number_, std::move(bytes));
    }

    template <class Reply, class Read, class CompletionToken>
    auto request_bytes(std::vector<std::byte> bytes, detail::message_kind awaited,
                       milliseconds timeout, Read read, CompletionToken& token) {
        return boost::asio::async_initiate<CompletionToken, void(error_code, Reply)>(
            [awaited, timeout](auto handler, pointer speaker, number_type number,
                               std::vector<std::byte> message, Read reader) {
                detail::client_completion<Reply> done{std::move(handler), speaker->get_executor()};
                using request_type = detail::typed_request<Reply, Read>;
                auto request = std::make_unique<request_type>(std::move(message), std::move(done),
                                                              std::move(reader));
                request->awaited = awaited;
                if (timeout.count() > 0) {
                    request->patience = std::min<milliseconds>(timeout, timeout_max);
                    request->deadline = std::chrono::steady_clock::now() + request->patience;
                }
                speaker->submit(std::move(request), number);
            },
            token, speaker_, number_, std::move(bytes), std::move(read));
    }

    static constexpr std::chrono::hours timeout_max{24 * 365}; // no sum of times overflows

    number_type number_; ///< Of the one connection that it is about; 0: the client's.
};

/// A connection that has just come about: what `on_connected` gets. What it is asked for goes out
/// at once, before anything that waits; it ends with its connection.
template <codec Codec>
class client_opening : public client_conversation<Codec> {
  public:
    /// Made by the client.
    client_opening(std::shared_ptr<detail::client_speaker<Codec>> speaker,
                   detail::client_engine::number_type number)
        : client_conversation<Codec>{std::move(speaker), number} {}
    client_opening(client_opening&&) noexcept = default;
    client_opening& operator=(client_opening&&) noexcept = default;
};

} // namespace millipede
