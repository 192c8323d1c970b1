// SPDX-License-Identifier: BSL-1.0
#include "ports/command_executor.hpp"

#include <array>
#include <string>
#include <utility>

namespace comet {
namespace {

constexpr std::string_view too_much_waits{"Too much waits"};

std::uint32_t count_subscriptions(subscriber& who) {
    std::uint32_t count = 0;
    who.for_each_subscription([&](subscription&) { ++count; });
    return count;
}

message_type type_of(publish_result result) noexcept {
    switch (result) {
    case publish_result::taken:
        return message_type::ok;
    case publish_result::channels_full:
        return message_type::too_many;
    case publish_result::bad_token:
        return message_type::bad_token;
    case publish_result::busy:
        break;
    }
    return message_type::unavailable;
}

std::string_view words_of(publish_result result) noexcept {
    switch (result) {
    case publish_result::taken:
        return "";
    case publish_result::channels_full:
        return "Too many channels";
    case publish_result::bad_token:
        return "Token error";
    case publish_result::busy:
        break;
    }
    return too_much_waits;
}

} // namespace

void command_executor::carry_out(subscriber& who, client_commands asked, publishing_right right) {
    for (auto const& channel : asked.unsubscribe)
        unsubscribe(who, channel);
    for (auto& each : asked.subscribe)
        subscribe(who, std::move(each));
    if (asked.publish) publish({who.id, who.how}, std::move(*asked.publish), right);
}

void command_executor::subscribe(subscriber& who, channel_item asked) {
    receiver asking{who.id, who.how};
    if (channels_.is_subscribed(who, asked.cname))
        return tell(asking, message_type::subscribed, asked.cname, "Already subscribed");
    if (count_subscriptions(who) >= live_.of(asking.id.worker()).channels.channels_per_connection)
        return tell(asking, message_type::too_many, asked.cname,
                    "Too many channels of one connection");
    if (!asked.epoch) asked.epoch.emplace(); // these clients are always told of theirs
    auto channel = asked.cname;
    if (!channels_.subscribe(who, std::move(asked)))
        tell(asking, message_type::unavailable, channel, too_much_waits);
}

// Whether it was subscribed or not: now it is not.
void command_executor::unsubscribe(subscriber& who, std::string_view channel) {
    channels_.unsubscribe(who, channel);
    tell({who.id, who.how}, message_type::unsubscribed, channel, "");
}

void command_executor::publish(receiver from, client_publication asked, publishing_right right) {
    if (right == publishing_right::none) {
        ++counters_.at(from.id.worker(), counted::forbidden);
        return tell(from, message_type::forbidden, asked.cname, "Publishing is not allowed here");
    }
    publication message{asked.cname, json_escaped(asked.content), asked.ttl_seconds};
    if (right == publishing_right::with_token) message.shown_token = std::move(asked.token);
    auto answer = [this, from, channel = asked.cname](publish_result result) {
        tell(from, type_of(result), channel, words_of(result));
    };
    if (!channels_.publish(std::move(message), answer))
        tell(from, message_type::unavailable, asked.cname, too_much_waits);
}

// By the way that messages go, through the worker's mailbox: otherwise this might overtake them.
void command_executor::tell(receiver to, message_type type, std::string_view channel,
                            std::string_view content) {
    auto object = message_object(type, channel, 0, content);
    std::array<framed_message, 1> messages{{{object}}};
    std::string text;
    append_messages(text, {to.how, false}, messages, false);
    millipede::payload bytes{millipede::as_bytes(text)};
    constexpr auto policy = millipede::overflow_policy::close;
    if (server_.send(to.id, bytes, policy) != millipede::errc::mailbox_full) return;
    // The answer to one command, which its worker has had time for: no more than these may wait.
    server_.post_to_admitted(to.id.worker(),
                             [this, to, bytes] { server_.send(to.id, bytes, policy); });
}

} // namespace comet
