// SPDX-License-Identifier: BSL-1.0
#include "channels/registry.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <climits>
#include <cstdint>
#include <string>
#include <vector>

BOOST_AUTO_TEST_SUITE(channels)

namespace {

using namespace comet;

millipede::payload named(std::string_view name) {
    return millipede::payload{millipede::as_bytes(name)};
}

std::vector<sequence> numbers(channel_opening const& opening) {
    std::vector<sequence> found;
    for (auto const& each : opening.messages) {
        auto text = text_of(each.object);
        found.push_back(std::stoi(std::string{text.substr(text.find("seq\":") + 5)}));
    }
    return found;
}

// A registry whose freed channels are noted by name.
struct life {
    channel_limits limits{.channels_max = 1000, .channel_timeout = 3};
    channel_totals all;
    registry owned{limits, all};
    std::string freed;

    void tick(int count = 1) {
        for (int each = 0; each < count; ++each)
            owned.tick([&](channel& ended) { freed.append(text_of(ended.name())).append(" "); });
    }
};

} // namespace

// Behind the greatest number comes the least one, by which others mean everything.
BOOST_AUTO_TEST_CASE(numbers_wrap) {
    channel c{named("c"), 1, INT_MAX - 1};
    c.add(message_type::data, "m", 10);
    BOOST_TEST((numbers(c.open(INT_MIN)) == std::vector{INT_MAX - 1})); // not given away yet
    c.add(message_type::data, "m", 10);
    BOOST_TEST(c.next() == INT_MIN);
    BOOST_TEST(c.open(INT_MIN).messages.empty()); // who has the greatest waits
    BOOST_TEST((numbers(c.open_marked(INT_MIN, "00000001", true)) == std::vector{INT_MIN}));
    BOOST_TEST(c.open_marked(INT_MIN, "00000001", false).messages.empty());
    BOOST_TEST((numbers(c.open(INT_MIN + 1)) == std::vector{INT_MIN})); // "next_seq"
    c.add(message_type::data, "m", 10);
    c.add(message_type::data, "m", 10);
    BOOST_TEST((numbers(c.open(INT_MAX)) == std::vector{INT_MAX, INT_MIN, INT_MIN + 1}));
    BOOST_TEST((numbers(c.open(INT_MIN)) == std::vector{INT_MIN, INT_MIN + 1}));
    BOOST_TEST(
        (numbers(c.open_marked(INT_MIN, "00000001", false)) == std::vector{INT_MIN, INT_MIN + 1}));
    BOOST_TEST(c.oldest() == INT_MAX - 1);
    c.clear();
    auto lost = c.open_marked(INT_MIN, "00000001", false);
    BOOST_TEST((numbers(lost) == std::vector{INT_MIN + 2}));
    BOOST_TEST((text_of(lost.messages.front().object).find("gap") != std::string_view::npos));
}

BOOST_AUTO_TEST_CASE(openings) {
    channel c{named("c"), 1};
    BOOST_TEST((numbers(c.open(0)) == std::vector{1}));
    BOOST_TEST(c.open(1).messages.empty());
    BOOST_TEST((numbers(c.open(2)) == std::vector{1}));
    for (int count = 0; count < 4; ++count)
        c.add(message_type::data, "m", 10);
    BOOST_TEST(c.next() == 5);
    BOOST_TEST((numbers(c.open(3)) == std::vector{3, 4}));
    BOOST_TEST(c.open(3).batch);
    BOOST_TEST(c.open(3).from == 5);
    BOOST_TEST((numbers(c.open(-1)) == std::vector{1, 2, 3, 4}));
    BOOST_TEST((numbers(c.open(INT_MIN)) == std::vector{1, 2, 3, 4}));
    BOOST_TEST(c.open(5).messages.empty());
    BOOST_TEST(!c.open(6).batch);
    BOOST_TEST((numbers(c.open(6)) == std::vector{5}));
    auto event = c.add(message_type::broadcast, "m", 10);
    BOOST_TEST(text_of(event.next_seq) ==
               R"({"type":"next_seq","cname":"c","seq":6,"content":""})");
    BOOST_TEST((numbers(c.open(4)) == std::vector{4, 5, 6}));
    c.clear();
    BOOST_TEST(c.open(1).messages.empty());
    BOOST_TEST(c.next() == 6);
    BOOST_TEST(c.oldest() == 6);
}

BOOST_AUTO_TEST_CASE(who_asked_for_epochs_hears_of_what_it_missed) {
    channel c{named("c"), 0x1a};
    auto said = [&](sequence wanted, std::string_view known, bool always = true) {
        std::string text;
        auto opening = c.open_marked(wanted, known, always);
        for (auto const& each : opening.messages) {
            auto object = text_of(each.object);
            text.append(object.substr(9, object.find('"', 9) - 9)); // its type
            if (object.find("expired") != std::string_view::npos) text += "-";
            if (object.find("restarted") != std::string_view::npos) text += "*";
            text += std::to_string(each.position.value()) + (opening.batch ? "," : ";");
        }
        return text;
    };
    BOOST_TEST(said(0, "") == "open0;");
    BOOST_TEST(said(1, "") == "open0;");
    BOOST_TEST(said(1, "0000001a", false) == "");
    BOOST_TEST(said(1, "", false) == "open0;");
    BOOST_TEST(said(0, "0000001a", false) == "open0;");
    BOOST_TEST(said(INT_MIN, "", false) == "open0;");
    for (int number = 1; number <= 3; ++number)
        c.add(message_type::data, "m", 2); // keeps 2 and 3
    BOOST_TEST(said(2, "0000001a", false) == "data2,data3,");
    BOOST_TEST(said(2, "0000001a") == "open1,data2,data3,");
    BOOST_TEST(said(3, "") == "open2,data3,");
    BOOST_TEST(said(1, "0000001a", false) == "gap-1,data2,data3,");
    BOOST_TEST(said(5, "0000001a", false) == "gap*1,data2,data3,");
    BOOST_TEST(said(4, "other", false) == "gap*1,data2,data3,");
    BOOST_TEST(said(0, "other", false) == "open3;");
    BOOST_TEST(said(INT_MIN, "0000001a", false) == "data2,data3,");
    c.clear();
    BOOST_TEST(said(3, "0000001a", false) == "gap-3;");
    BOOST_TEST(said(4, "0000001a", false) == "");
    BOOST_TEST(said(4, "other", false) == "gap*3;");
}

BOOST_AUTO_TEST_CASE(what_is_kept) {
    for (std::uint32_t size : {0U, 1U, 2U, 3U, 10U}) {
        channel c{named("c"), 1};
        std::size_t kept = 0;
        for (int count = 0; count < 50; ++count) {
            c.add(message_type::data, "m", size);
            ++kept;
            if (static_cast<double>(kept) >= 1.5 * size) kept = std::min<std::size_t>(kept, size);
            BOOST_TEST(c.kept() == kept);
            BOOST_TEST(c.oldest() == c.next() - static_cast<int>(std::min<std::size_t>(kept, 10)));
        }
    }
}

BOOST_AUTO_TEST_CASE(messages_that_have_had_their_time) {
    channel c{named("c"), 1};
    c.add(message_type::data, "1", 10, 7);
    c.add(message_type::data, "2", 10);
    c.add(message_type::broadcast, "3", 10, 5);
    c.add(message_type::data, "4", 10, 9);
    auto bytes = c.kept_bytes();
    c.drop_expired(5); // the last tick of one
    BOOST_TEST((numbers(c.open(1)) == std::vector{1, 2, 3, 4, 4}));
    BOOST_TEST(c.kept_bytes() == bytes);
    c.drop_expired(6);
    BOOST_TEST((numbers(c.open(1)) == std::vector{1, 2, 4}));
    BOOST_TEST(c.kept_bytes() < bytes);
    BOOST_TEST(c.oldest() == 1);
    c.drop_expired(8);
    BOOST_TEST((numbers(c.open(1)) == std::vector{2, 4}));
    BOOST_TEST(c.oldest() == 2);
    c.drop_expired(10);
    BOOST_TEST((numbers(c.open(1)) == std::vector{2}));
    BOOST_TEST(c.open(3).messages.empty()); // and he waits
    BOOST_TEST(c.open(3).from == 5);
    BOOST_TEST(c.kept() == 4U);
}

// Nothing is lost: who asked for epochs is told by `open` which number follows.
BOOST_AUTO_TEST_CASE(expired_messages_are_no_gap) {
    channel c{named("c"), 1};
    for (std::uint32_t last_tick : {1U, 9U, 1U, 9U, 1U})
        c.add(message_type::data, "m", 10, last_tick);
    auto opening = [&](sequence wanted, std::string_view known, bool always = false) {
        std::string text;
        for (auto const& each : c.open_marked(wanted, known, always).messages) {
            auto object = text_of(each.object);
            auto type = object.substr(9, object.find('"', 9) - 9);
            auto number = object.substr(object.find("seq\":") + 5);
            text.append(type).append(number.substr(0, number.find(','))).append(" ");
        }
        return text;
    };
    auto own = epoch_text(1);
    BOOST_TEST(opening(1, own) == "data1 data2 data3 data4 data5 ");
    c.drop_expired(2);
    BOOST_TEST(opening(1, own) == "open2 data2 open4 data4 open6 ");
    BOOST_TEST(opening(2, own) == "data2 open4 data4 open6 ");
    BOOST_TEST(opening(2, own, true) == "open2 data2 open4 data4 open6 ");
    BOOST_TEST(opening(5, own) == "open6 ");
    BOOST_TEST(opening(6, own) == "");
    BOOST_TEST(opening(0, own) == "open6 ");
    BOOST_TEST(opening(1, "") == "open2 data2 open4 data4 open6 ");
    BOOST_TEST(opening(1, "00000000") == "gap2 data2 open4 data4 open6 ");
    c.drop_expired(10);
    BOOST_TEST(opening(1, own) == "open6 ");
    for (int count = 0; count < 10; ++count)
        c.add(message_type::data, "m", 10); // 6 to 15: the last of these are kept
    BOOST_TEST(opening(3, own).starts_with("gap6 data6 "));
}

BOOST_AUTO_TEST_CASE(all_have_expired) {
    channel c{named("c"), 1};
    auto wraps = static_cast<std::uint32_t>(-2); // as do ticks
    c.add(message_type::data, "1", 2, wraps + 4);
    c.add(message_type::data, "2", 2, wraps + 1);
    c.drop_expired(wraps);
    BOOST_TEST((numbers(c.open(1)) == std::vector{1, 2}));
    c.drop_expired(wraps + 2);
    BOOST_TEST((numbers(c.open(1)) == std::vector{1}));
    c.drop_expired(wraps + 5);
    BOOST_TEST(c.open(1).messages.empty());
    BOOST_TEST(c.oldest() == 3);
    c.add(message_type::data, "3", 2); // pushes one out that has expired
    BOOST_TEST(c.kept() == 2U);
    c.add(message_type::data, "4", 2);
    c.add(message_type::data, "5", 2);
    channel fresh{named("c"), 1};
    for (int count = 0; count < 5; ++count)
        fresh.add(message_type::data, "m", 2);
    BOOST_TEST(c.kept_bytes() == fresh.kept_bytes());
}

BOOST_AUTO_TEST_CASE(subscribers_by_worker) {
    channel c{named("c"), 1};
    for (std::uint32_t worker : {0U, 1U, 0U, 5U})
        c.joined(worker);
    BOOST_TEST(c.subscribers() == 4U);
    BOOST_TEST(c.interests().size() == 3U);
    c.left(0, 2);
    c.left(1, 9); // more than there are: none are left
    c.left(3, 1); // of whom there are none
    BOOST_TEST(c.subscribers() == 1U);
    BOOST_TEST(c.interests().front().worker == 5U);
}

BOOST_AUTO_TEST_CASE(tokens) {
    channel c{named("c"), 1};
    BOOST_TEST(!c.admits(""));
    auto text = c.own_token().text();
    BOOST_TEST(c.own_token().text() == text);
    BOOST_TEST(c.admits(text));
    BOOST_TEST(!c.admits(""));
}

BOOST_AUTO_TEST_CASE(there_are_so_many_and_no_more) {
    channel_limits limits{.channels_max = 3};
    channel_totals all;
    registry one{limits, all};
    registry other{limits, all};
    BOOST_TEST(one.make("a") != nullptr);
    BOOST_TEST(other.make("b") != nullptr);
    BOOST_TEST(one.make("c") != nullptr);
    BOOST_TEST(other.make("d") == nullptr);
    BOOST_TEST(all.channels == 3U);
    BOOST_TEST(one.find("b") == nullptr);
    auto serial = one.find("a")->serial();
    one.free(*one.find("a"));
    BOOST_TEST(one.find("a") == nullptr);
    BOOST_TEST(one.make("a")->serial() != serial);
}

BOOST_AUTO_TEST_CASE(all_together_keep_so_much) {
    channel_limits limits{.buffer_size = 4, .history_max = 5'000};
    channel_totals all;
    registry one{limits, all};
    auto& c = *one.make("c");
    std::string text(1'000, 'x');
    for (int count = 0; count < 5; ++count)
        one.add(c, message_type::data, text);
    BOOST_TEST(c.kept() == 5U);
    BOOST_TEST(all.history_bytes > 5'000U);
    BOOST_TEST(all.history_bytes == c.kept_bytes());
    auto& d = *one.make("d");
    auto event = one.add(d, message_type::data, text); // is sent, and not kept
    BOOST_TEST(event.number == 1);
    BOOST_TEST(d.kept() == 0U);
    one.add(c, message_type::data, text);
    BOOST_TEST(c.kept() == 0U);
    BOOST_TEST(all.history_bytes == 0U);
    one.add(d, message_type::data, text);
    one.add(c, message_type::data, text);
    BOOST_TEST(d.kept() == 1U);
    one.clear(d);
    BOOST_TEST(all.history_bytes == c.kept_bytes());
    one.free(c);
    BOOST_TEST(all.history_bytes == 0U);
}

BOOST_AUTO_TEST_CASE(what_expires_is_not_counted_among_what_is_kept) {
    life world;
    auto& c = *world.owned.make("c");
    world.owned.joined(c, 0);
    std::string text(1'000, 'x');
    world.owned.add(c, message_type::data, text, 2);
    world.owned.add(c, message_type::data, text, 1);
    BOOST_TEST(world.all.history_bytes > 2'000U);
    world.tick(2); // the second's is over
    BOOST_TEST(world.all.history_bytes > 2'000U);
    BOOST_TEST((numbers(world.owned.find("c")->open(1)) == std::vector{1}));
    BOOST_TEST(world.all.history_bytes < 2'000U);
    world.tick();
    world.owned.add(c, message_type::data, text);
    BOOST_TEST((numbers(c.open(1)) == std::vector{3}));
    BOOST_TEST(world.all.history_bytes > 1'000U);
    BOOST_TEST(world.all.history_bytes < 2'000U);
    BOOST_TEST(world.all.history_bytes == c.kept_bytes());
    world.owned.free(c);
    BOOST_TEST(world.all.history_bytes == 0U);
}

BOOST_AUTO_TEST_CASE(nobody_wants_it_for_so_long) {
    life world;
    world.owned.make("a");
    world.tick(3);
    BOOST_TEST(world.freed == "");
    world.owned.lift(*world.owned.make("b"));
    world.tick();
    BOOST_TEST(world.freed == "a ");
    BOOST_TEST(world.all.channels == 1U);
    world.tick(2);
    world.owned.lift(*world.owned.find("b"));
    world.tick(3);
    BOOST_TEST(world.freed == "a ");
    world.tick();
    BOOST_TEST(world.freed == "a b ");
    BOOST_TEST(world.owned.size() == 0U);
}

BOOST_AUTO_TEST_CASE(signed_for_longer_and_for_less) {
    life world;
    auto& c = *world.owned.make("c");
    world.owned.set_idle(c, 2000); // around the wheel, and on
    world.tick(1000);
    world.owned.lift(c); // shortens nothing
    world.tick(1000);
    BOOST_TEST(world.freed == "");
    world.tick();
    BOOST_TEST(world.freed == "c ");
    auto& d = *world.owned.make("d");
    world.owned.set_idle(d, 1);
    world.tick();
    BOOST_TEST(world.freed == "c ");
    world.tick();
    BOOST_TEST(world.freed == "c d ");
}

BOOST_AUTO_TEST_CASE(subscribers_keep_it_and_its_time_stands_still) {
    life world;
    auto& c = *world.owned.make("c");
    world.owned.joined(c, 0);
    world.owned.joined(c, 1);
    world.tick(5000);
    world.owned.left(c, 0, 1);
    world.tick(10);
    world.owned.lift(c);
    world.owned.left(c, 1, 1);
    world.owned.left(c, 1, 1); // once too often: nothing
    world.tick(3);
    BOOST_TEST(world.freed == "");
    world.tick();
    BOOST_TEST(world.freed == "c ");

    auto& d = *world.owned.make("d"); // what it was signed for goes on when they have left
    world.owned.set_idle(d, 100);
    world.owned.joined(d, 0);
    world.tick(500);
    world.owned.left(d, 0, 1);
    world.tick(100);
    BOOST_TEST(world.freed == "c ");
    world.tick();
    BOOST_TEST(world.freed == "c d ");

    auto& e = *world.owned.make("e"); // or is set while they are there
    world.owned.joined(e, 0);
    world.owned.set_idle(e, 1);
    world.owned.left(e, 0, 1);
    world.tick(2);
    BOOST_TEST(world.freed == "c d e ");
}

BOOST_AUTO_TEST_CASE(phases) {
    life world;
    world.owned.joined(*world.owned.make("a"), 0);
    world.tick();
    world.owned.joined(*world.owned.make("b"), 0);
    std::string told;
    for (int second = 0; second < 7; ++second) {
        world.tick();
        world.owned.for_each_in_phase(
            [&](channel const& each) { told.append(text_of(each.name())); });
        told += ' ';
    }
    BOOST_TEST(told == " a b  a b  ");
}

BOOST_AUTO_TEST_CASE(phases_of_another_timeout) {
    life world;
    for (auto const* name : {"a", "b", "c", "d"}) {
        world.owned.joined(*world.owned.make(name), 0);
        world.tick();
    }
    auto told_in = [&](int seconds) {
        std::string told;
        for (int second = 0; second < seconds; ++second) {
            world.tick();
            world.owned.for_each_in_phase(
                [&](channel const& each) { told.append(text_of(each.name())); });
        }
        std::sort(told.begin(), told.end());
        return told;
    };
    for (std::uint32_t timeout : {5U, 2U, 1U, 100U, 3U}) {
        world.limits.channel_timeout = timeout;
        world.owned.follow_timeout();
        BOOST_TEST(told_in(static_cast<int>(timeout)) == "abcd", timeout);
    }
    // Not while there is a walk, which would meet some twice, and others never.
    world.owned.begin_walk();
    std::string met{text_of(world.owned.next_in_walk()->name())};
    world.limits.channel_timeout = 2;
    world.owned.follow_timeout();
    while (auto* each = world.owned.next_in_walk())
        met.append(text_of(each->name()));
    std::sort(met.begin(), met.end());
    BOOST_TEST(met == "abcd");
    BOOST_TEST(told_in(6) == "aabbccdd");
    world.owned.follow_timeout();
    BOOST_TEST(told_in(2) == "abcd");
}

BOOST_AUTO_TEST_CASE(a_walk_meets_each_once) {
    life world;
    std::vector<std::string> all;
    for (int number = 0; number < 9; ++number) {
        all.push_back(std::string(1, static_cast<char>('a' + number)));
        world.owned.joined(*world.owned.make(all.back()), 0);
        if (number % 2 == 1) world.tick();
    }
    auto walk = [&](auto between) {
        std::string order;
        world.owned.begin_walk();
        while (auto* each = world.owned.next_in_walk()) {
            order.append(text_of(each->name()));
            between(*each);
        }
        return order;
    };
    BOOST_TEST(walk([](channel&) {}).size() == 9U);
    // Those made meanwhile do not belong to it; those freed meanwhile are left out.
    int made = 0;
    auto order = walk([&](channel& met) {
        world.owned.make("new" + std::to_string(made++));
        if (made == 2) world.tick();
        if (text_of(met.name()) == "b")
            for (auto const* gone : {"a", "c", "d", "i"})
                if (auto* found = world.owned.find(gone)) world.owned.free(*found);
    });
    for (char each : std::string{"befgh"})
        BOOST_TEST(std::count(order.begin(), order.end(), each) == 1, each);
    BOOST_TEST(order.find('n') == std::string::npos);
    BOOST_TEST(std::count(order.begin(), order.end(), 'b') == 1);
    // To free the very next one, whatever follows it.
    order = walk([&](channel&) {
        for (auto const* gone : {"new0", "new2", "new4", "e"})
            if (auto* found = world.owned.find(gone)) world.owned.free(*found);
    });
    BOOST_TEST(std::count(order.begin(), order.end(), 'f') == 1);
    // Nor to free the next one when it is newer than the walk, and an older one stands behind it.
    life other;
    other.owned.make("a");
    other.tick();
    other.owned.make("b");
    other.tick();
    other.owned.make("c");
    other.owned.begin_walk();
    BOOST_TEST(text_of(other.owned.next_in_walk()->name()) == "a");
    other.tick(2); // to the phase of b
    other.owned.make("new");
    BOOST_TEST(text_of(other.owned.next_in_walk()->name()) == "b");
    other.owned.free(*other.owned.find("new"));
    BOOST_REQUIRE(other.owned.next_in_walk() == other.owned.find("c"));
    BOOST_TEST(other.owned.next_in_walk() == nullptr);
    life empty;
    empty.owned.begin_walk();
    BOOST_TEST(empty.owned.next_in_walk() == nullptr);
}

BOOST_AUTO_TEST_SUITE_END()
