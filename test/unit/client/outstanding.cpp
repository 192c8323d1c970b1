// SPDX-License-Identifier: BSL-1.0
#include "unit/support/seed.hpp"

#include <millipede/client/outstanding.hpp>

#include <boost/test/unit_test.hpp>

#include <deque>
#include <map>
#include <memory>
#include <random>
#include <vector>

BOOST_AUTO_TEST_SUITE(client_outstanding)

using millipede::detail::message_kind;
using millipede::detail::moment;
using millipede::detail::never;
using std::chrono::milliseconds;

namespace {

using pointer = std::unique_ptr<int>;
using requests = millipede::detail::outstanding_requests<pointer>;

moment at(int milliseconds_later) {
    return moment{} + std::chrono::hours{1} + milliseconds{milliseconds_later};
}
void add(requests& all, message_kind kind, int id, int timeout = 100) {
    all.add(kind, at(timeout), milliseconds{timeout}, std::make_unique<int>(id));
}

constexpr int nobody = -1;
constexpr int given_up = -2;

// Whose reply it is.
int take(requests& all, message_kind kind) {
    auto place = all.take(kind);
    return !place ? nobody : !*place ? given_up : **place;
}
std::vector<int> expire(requests& all, int now, bool sane = true) {
    std::vector<int> overdue;
    BOOST_TEST(all.expire(at(now), [&](pointer each) { overdue.push_back(*each); }) == sane);
    return overdue;
}

} // namespace

BOOST_AUTO_TEST_CASE(replies_of_one_kind_are_in_the_order_of_requests) {
    requests all;
    add(all, 1, 10);
    add(all, 2, 20);
    add(all, 1, 11);
    BOOST_TEST(all.size() == 3U);
    BOOST_TEST(take(all, 3) == nobody);
    BOOST_TEST(take(all, 2) == 20);
    BOOST_TEST(take(all, 2) == nobody);
    BOOST_TEST(take(all, 1) == 10);
    BOOST_TEST(take(all, 1) == 11);
    BOOST_TEST(take(all, 1) == nobody);
    BOOST_TEST(all.size() == 0U);
}

BOOST_AUTO_TEST_CASE(who_was_given_up_keeps_its_place) {
    requests all;
    add(all, 1, 10);
    add(all, 1, 11);
    auto gone = all.give_up([](int id) { return id == 10; });
    BOOST_REQUIRE(gone);
    BOOST_TEST(*gone == 10);
    BOOST_TEST(!all.give_up([](int id) { return id == 10; }));
    BOOST_TEST(take(all, 1) == given_up);
    BOOST_TEST(take(all, 1) == 11);
}

BOOST_AUTO_TEST_CASE(each_is_overdue_once_and_its_late_reply_is_ignored) {
    requests all;
    add(all, 1, 10, 100);
    add(all, 1, 11, 50);
    add(all, 1, 12, 300);
    BOOST_TEST((all.earliest() == at(50)));
    BOOST_TEST(expire(all, 49).empty());
    BOOST_TEST((expire(all, 50) == std::vector{11}));
    BOOST_TEST((all.earliest() == at(100)));
    BOOST_TEST((expire(all, 99).empty()));
    BOOST_TEST(take(all, 1) == 10);
    BOOST_TEST(take(all, 1) == given_up);
    BOOST_TEST(take(all, 1) == 12);
}

BOOST_AUTO_TEST_CASE(a_reply_that_never_comes_is_the_end) {
    requests all;
    add(all, 1, 10, 100);
    add(all, 1, 11, 1'000);
    BOOST_TEST((expire(all, 110) == std::vector{10}));
    BOOST_TEST(expire(all, 209).empty());
    BOOST_TEST(expire(all, 210, false).empty());
}

BOOST_AUTO_TEST_CASE(without_a_deadline_nothing_is_ever_overdue) {
    requests all;
    all.add(1, never, milliseconds{0}, std::make_unique<int>(1));
    BOOST_TEST((all.earliest() == never));
    BOOST_TEST(expire(all, 1'000'000'000).empty());
    BOOST_TEST(take(all, 1) == 1);
}

BOOST_AUTO_TEST_CASE(all_are_taken_in_their_order_but_those_given_up) {
    requests all;
    for (int id : {1, 2, 3})
        add(all, 7, id);
    all.give_up([](int id) { return id == 2; });
    std::vector<int> taken;
    for (auto const& each : all.take_all())
        taken.push_back(*each);
    BOOST_TEST((taken == std::vector{1, 3}));
    BOOST_TEST(all.size() == 0U);
    BOOST_TEST((all.earliest() == never));
}

BOOST_AUTO_TEST_CASE(by_random_numbers_as_queues_per_kind) {
    auto seed = millipede::test::random_seed();
    BOOST_TEST_MESSAGE("seed " << seed);
    std::mt19937 random{seed};
    requests all;
    std::map<message_kind, std::deque<int>> model;
    std::vector<int> alive;
    for (int id = 0; id < 20'000; ++id) {
        message_kind kind = random() % 4;
        auto& queue = model[kind];
        switch (random() % 5) {
        case 0:
        case 1:
            add(all, kind, id);
            queue.push_back(id);
            break;
        case 2:
        case 3: {
            auto expected = queue.empty() ? nobody : queue.front();
            BOOST_REQUIRE_EQUAL(take(all, kind), expected);
            if (!queue.empty()) queue.pop_front();
            break;
        }
        default: {
            if (queue.empty()) break;
            auto& wanted = queue[random() % queue.size()];
            auto gone = all.give_up([&](int each) { return each == wanted; });
            BOOST_REQUIRE_EQUAL(static_cast<bool>(gone), wanted != given_up);
            wanted = given_up;
        }
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
