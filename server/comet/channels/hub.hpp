// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "channels/channel_items.hpp"
#include "channels/message.hpp"
#include "channels/subscriber.hpp"

#include <millipede/base/connection_id.hpp>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace comet {

/// What a client needs to subscribe to a channel with a token.
struct signature {
    sequence oldest = 0;       ///< The number from which it can have what was sent.
    std::string token{};       ///< 32 hexadecimal digits.
    std::uint32_t expires = 0; ///< Seconds that the channel waits for it.
};

/// The longest time to live of a message that has one: 31 years.
inline constexpr std::uint32_t ttl_seconds_max = 1'000'000'000;

/// A message for one channel.
struct publication {
    std::string channel;           ///< Is made when there is none of that name.
    std::string content;           ///< Escaped for JSON.
    std::uint32_t ttl_seconds = 0; ///< Afterwards it is not replayed; 0: as long as it is kept.
    /// What the publisher shows has to be the token of the channel, which is not made then. Null:
    /// he may publish to all.
    std::optional<std::string> shown_token{};
};

/// What becomes of a message that is to be published.
enum class publish_result : std::uint8_t {
    taken,         ///< It has its number, and is on its way.
    channels_full, ///< It would have needed a channel more than there may be.
    bad_token,     ///< `shown_token` is not that of the channel.
    busy,          ///< Too much is on its way to a worker with subscribers: nobody gets it.
};

/// Who attends a channel.
struct channel_roll {
    struct entry {
        std::string user;            ///< In UTF-8.
        std::uint32_t subscriptions; ///< 0: he has left a moment ago.
    };
    std::vector<entry> users{};  ///< In the order of their names.
    std::uint32_t anonymous = 0; ///< Subscriptions of nobody's.
};

/// Where channels live, as the two ports see it. This process's workers stand behind it, or may
/// stand a bus that connects several processes.
///
/// What it answers, it answers by calling the function it was given, on a thread of its own choice
/// (a worker's), once; not at all when the server ends before. All functions return false, and call
/// nothing, when too much waits already. Any worker's thread, unless said otherwise.
class hub {
  public:
    virtual ~hub() = default;

    /// Subscribes a connection whose `how`, `terms`, callback, user and `noop` have been set, and
    /// which is not subscribed to that channel; everything that it gets from now on comes from
    /// here, until it is not `busy` any more. A connection may have several. Its own thread.
    virtual bool subscribe(subscriber& who, channel_item asked) = 0;
    /// Whether it is subscribed to the channel, or has asked to be. Its own thread.
    virtual bool is_subscribed(subscriber& who, std::string_view channel) const = 0;
    /// Ends a subscription, whose connection goes on: not one of a poll. False when there is none
    /// (whatever waits). Its own thread.
    virtual bool unsubscribe(subscriber& who, std::string_view channel) = 0;
    /// It is told of silence, though it may be subscribed to nothing. Its own thread.
    virtual void attend(subscriber& who) = 0;
    /// Its connection has ended, or is to get nothing more. Its own thread; for any connection.
    virtual void leave(subscriber& who) = 0;

    /// Sends a message to a channel's subscribers, and keeps it for those who come later.
    virtual bool publish(publication message, std::function<void(publish_result)> answer) = 0;
    /// A message for all channels. What is published behind it may overtake it where there are
    /// many.
    virtual bool broadcast(std::string content) = 0;
    /// A token; none when there are too many channels. \param expires seconds; 0: as configured
    virtual bool sign(std::string channel, std::uint32_t expires,
                      std::function<void(std::optional<signature>)> answer) = 0;
    /// Ends a channel and its subscribers' replies. Answers its next number, if there is one.
    virtual bool close(std::string channel,
                       std::function<void(std::optional<sequence>)> answer) = 0;
    /// Has it forget its messages. Answers as `close`.
    virtual bool clear(std::string channel,
                       std::function<void(std::optional<sequence>)> answer) = 0;
    /// How many subscribers it has; none when it does not exist.
    virtual bool look(std::string channel,
                      std::function<void(std::optional<std::uint32_t>)> answer) = 0;

    /// How many there are, of all workers.
    virtual std::uint64_t channels() const = 0;
    virtual std::uint64_t subscribers() const = 0;

    /// Who its subscribers say they are; nobody when it does not exist.
    virtual bool call_roll(std::string channel, std::function<void(channel_roll)> answer) = 0;
    /// Tells a connection when channels come, stay and go, a line each. \param chunked as chunks
    /// \param with_users when users come and go, too
    /// \param look_again is called each second on the connection's thread: may it still?
    virtual bool watch(millipede::connection_id watcher, bool chunked, bool with_users,
                       std::function<void()> look_again) = 0;
    virtual void unwatch(millipede::connection_id watcher) = 0;
};

} // namespace comet
