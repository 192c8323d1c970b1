// SPDX-License-Identifier: BSL-1.0
#include "channels/questions.hpp"
#include "ports/requested_channels.hpp"

#include <boost/test/unit_test.hpp>

#include <string>

BOOST_AUTO_TEST_SUITE(subscriptions)

namespace {

using namespace comet;

std::string asked(std::string_view query, transport how = transport::poll,
                  std::string_view last_event_id = {}) {
    http_request request;
    request.query = query;
    request.last_event_id = last_event_id;
    channel_limits limits{.channels_per_connection = 3, .name_max = 8};
    auto found = requested_channels(parameters{request}, request, how, limits);
    if (!found) return "none";
    std::string text;
    for (auto const& each : *found) {
        text += each.cname + ":" + std::to_string(each.seq);
        if (each.epoch) text += "@" + *each.epoch;
        if (!each.token.empty()) text += "!" + each.token;
        text += " ";
    }
    return text;
}

} // namespace

BOOST_AUTO_TEST_CASE(a_connection_has_one_subscription_in_its_slot_and_others_outside) {
    subscriber who;
    BOOST_TEST(!who.has_subscriptions());
    auto& first = who.free_subscription();
    BOOST_TEST(&first == static_cast<subscription*>(&who));
    BOOST_TEST(&first.owner() == &who);
    BOOST_TEST(!who.more);
    first.is_asking = true;
    auto& second = who.free_subscription();
    second.is_asking = true;
    BOOST_TEST(&second != &first);
    BOOST_TEST(&second.owner() == &who);
    int count = 0;
    who.for_each_subscription([&](subscription&) { ++count; });
    BOOST_TEST(count == 2);
    first.is_asking = false;
    who.release(first); // is the slot's own
    BOOST_TEST(who.has_subscriptions());
    BOOST_TEST(&who.free_subscription() == &first);
    who.release(second);
    BOOST_TEST(!who.has_subscriptions());
    BOOST_TEST(who.more->others.empty());
}

BOOST_AUTO_TEST_CASE(questions_are_answered_once_or_withdrawn) {
    questions waiting;
    subscriber who;
    auto ask = [&](std::string channel) -> subscription& {
        auto& which = who.free_subscription();
        which.ticket = waiting.issue(which, std::move(channel));
        which.is_asking = true;
        return which;
    };
    auto& a = ask("a");
    auto& b = ask("b");
    BOOST_TEST(a.ticket != b.ticket);
    BOOST_TEST(waiting.channel(a) == "a");
    BOOST_TEST(waiting.channel(b) == "b");
    auto ticket = a.ticket;
    BOOST_TEST(waiting.answered(ticket) == &a);
    BOOST_TEST(!a.is_asking);
    BOOST_TEST(!waiting.answered(ticket));
    waiting.withdraw(a); // nothing
    waiting.withdraw_all(who);
    BOOST_TEST(!b.is_asking);
    BOOST_TEST(!waiting.answered(b.ticket));
}

BOOST_AUTO_TEST_CASE(withdrawn_questions_count_until_they_are_answered) {
    questions waiting;
    subscriber who;
    who.id = {0, 7, 1};
    auto ask = [&](std::string channel) -> subscription& {
        auto& which = who.free_subscription();
        which.ticket = waiting.issue(which, std::move(channel));
        which.is_asking = true;
        return which;
    };
    BOOST_TEST(waiting.withdrawn(who.id) == 0U);
    auto& a = ask("a");
    auto first = a.ticket;
    waiting.withdraw(a);
    auto second = ask("a").ticket;
    BOOST_TEST(waiting.withdrawn(who.id) == 1U);
    waiting.withdraw_all(who);
    waiting.withdraw_all(who); // nothing
    BOOST_TEST(waiting.withdrawn(who.id) == 2U);
    BOOST_TEST(waiting.withdrawn({0, 7, 2}) == 0U); // the slot's next owner
    BOOST_TEST(!waiting.answered(first));
    BOOST_TEST(!waiting.answered(first));
    BOOST_TEST(waiting.withdrawn(who.id) == 1U);
    BOOST_TEST(!waiting.answered(second));
    BOOST_TEST(waiting.withdrawn(who.id) == 0U);
    auto& b = ask("b");
    waiting.forget(b); // it has not been asked
    BOOST_TEST(!b.is_asking);
    BOOST_TEST(waiting.withdrawn(who.id) == 0U);
    BOOST_TEST(!waiting.answered(b.ticket));
}

BOOST_AUTO_TEST_CASE(what_a_request_names) {
    BOOST_TEST(asked("") == ":0 ");
    BOOST_TEST(asked("cname=c&seq=3&token=t") == "c:3!t ");
    BOOST_TEST(asked("cname=c&epoch=") == "c:0@ ");
    BOOST_TEST(asked("cname=c&seq=3&epoch=12") == "c:3@12 ");
    BOOST_TEST(asked("cname=longer+than+8") == "none");
    BOOST_TEST(asked("channels=%5B%22a%22,%7B%22cname%22:%22b%22,%22seq%22:4%7D%5D&cname=c") ==
               "a:0 b:4 ");
    BOOST_TEST(
        asked("channels=%5B%22a%22,%7B%22cname%22:%22b%22,%22epoch%22:%22e%22%7D%5D&epoch=x") ==
        "a:0@ b:0@e ");
    BOOST_TEST(asked("channels=%5B%22a%22,%22b%22,%22a%22%5D") == "a:0 b:0 ");
    BOOST_TEST(asked("channels=%5B%22a%22,%22b%22,%22a%22,%22b%22%5D") == "none");
    BOOST_TEST(asked("channels=%5B%22longer+than+8%22%5D") == "none");
    BOOST_TEST(asked("channels=") == "none");
}

BOOST_AUTO_TEST_CASE(what_a_browser_had_last) {
    constexpr auto query = "cname=c&seq=1&epoch=old";
    BOOST_TEST(asked(query, transport::sse, "3@new") == "c:4@new ");
    BOOST_TEST(asked(query, transport::sse, "3") == "c:4@old ");
    BOOST_TEST(asked(query, transport::sse, "2147483647@e") == "c:-2147483648@e ");
    for (auto other : {"", "x", "3x@e", "@", "2147483648", " 3"})
        BOOST_TEST(asked(query, transport::sse, other) == "c:1@old ");
    BOOST_TEST(asked(query, transport::stream, "3@new") == "c:1@old ");
}

BOOST_AUTO_TEST_SUITE_END()
