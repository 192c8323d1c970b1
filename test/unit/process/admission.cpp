// SPDX-License-Identifier: BSL-1.0
// Who is let in, with workers that never run and a clock that only the test moves.
#include <millipede/process/admission.hpp>

#include "support/captured_log.hpp"
#include "unit/support/child.hpp"

#include <boost/test/unit_test.hpp>

#include <sys/resource.h>

BOOST_AUTO_TEST_SUITE(admission)

namespace {

using millipede::detail::source_key;
using verdict = millipede::detail::admission::verdict;
using namespace std::chrono_literals;

source_key from(char const* address) {
    return source_key{boost::asio::ip::make_address(address)};
}

struct fixture {
    explicit fixture(millipede::options wanted) : limits{std::move(wanted)} {
        millipede::set_log_level(millipede::fatal);
    }
    ~fixture() { millipede::set_log_level(millipede::info); }

    verdict admit(source_key source) { return subject.admit(source, now); }
    // How many of so many newcomers are let in.
    int admitted(source_key source, int wanted) {
        int count = 0;
        for (int times = 0; times < wanted; ++times)
            count += admit(source) == verdict::welcome ? 1 : 0;
        return count;
    }

    millipede::options limits;
    millipede::detail::worker_pool workers{limits, {}};
    millipede::detail::admission subject{limits, workers};
    millipede::detail::rate_limit::time_point now{1h};
    source_key const here = from("192.0.2.1");
    source_key const there = from("192.0.2.2");
};

millipede::options small_options() {
    millipede::options limits;
    limits.workers = 2;
    limits.connections_per_worker = 100;
    return limits;
}

} // namespace

BOOST_AUTO_TEST_CASE(without_limits_everybody_is_welcome_and_nobody_is_asked) {
    fixture host{small_options()};
    BOOST_TEST(!host.subject.on());
    BOOST_TEST(!host.subject.asks_for_source());
    BOOST_TEST(host.admitted(host.here, 1'000) == 1'000);
}

BOOST_AUTO_TEST_CASE(connections_in_all_are_those_that_were_placed) {
    auto wanted = small_options();
    wanted.connections_max = 3;
    fixture host{wanted};
    BOOST_TEST(host.subject.on());
    BOOST_TEST(!host.subject.asks_for_source());
    for (int count = 0; count < 3; ++count) {
        BOOST_TEST((host.admit({}) == verdict::welcome));
        BOOST_TEST(host.workers.place({}));
    }
    BOOST_TEST(host.workers.connections() == 3U);
    BOOST_TEST((host.admit({}) == verdict::over_limit));
}

BOOST_AUTO_TEST_CASE(each_source_has_its_own_limit) {
    auto wanted = small_options();
    wanted.connections_per_source_max = 2;
    fixture host{wanted};
    BOOST_TEST(host.subject.asks_for_source());
    BOOST_TEST(host.admitted(host.here, 2) == 2);
    BOOST_TEST((host.admit(host.here) == verdict::over_source_limit));
    BOOST_TEST(host.admitted(host.there, 5) == 2);
    BOOST_TEST(host.admitted({}, 5) == 5); // unknown: nobody in particular
}

BOOST_AUTO_TEST_CASE(who_departs_makes_room_for_its_own_source) {
    auto wanted = small_options();
    wanted.connections_per_source_max = 2;
    fixture host{wanted};
    BOOST_TEST(host.admitted(host.here, 2) == 2);
    BOOST_TEST(host.admitted(host.there, 2) == 2);
    host.workers.find(1)->departed().push(host.here);
    BOOST_TEST((host.admit(host.there) == verdict::over_source_limit));
    BOOST_TEST((host.admit(host.here) == verdict::welcome));
    BOOST_TEST((host.admit(host.here) == verdict::over_source_limit));
}

BOOST_AUTO_TEST_CASE(who_finds_no_place_does_not_count) {
    auto wanted = small_options();
    wanted.connections_per_source_max = 1;
    fixture host{wanted};
    for (int times = 0; times < 5; ++times) {
        BOOST_TEST((host.admit(host.here) == verdict::welcome));
        host.subject.withdraw(host.here);
    }
}

BOOST_AUTO_TEST_CASE(newcomers_come_at_a_rate_after_a_burst) {
    auto wanted = small_options();
    wanted.accepts_per_second = 10;
    wanted.accepts_burst = 3;
    fixture host{wanted};
    BOOST_TEST(host.admitted({}, 10) == 3);
    BOOST_TEST((host.admit({}) == verdict::over_rate));
    host.now += 100ms;
    BOOST_TEST(host.admitted({}, 10) == 1);
}

BOOST_AUTO_TEST_CASE(each_source_has_its_own_rate) {
    auto wanted = small_options();
    wanted.accepts_per_second_per_source = 10;
    wanted.accepts_burst_per_source = 2;
    fixture host{wanted};
    BOOST_TEST(host.subject.asks_for_source());
    BOOST_TEST(host.admitted(host.here, 10) == 2);
    BOOST_TEST((host.admit(host.here) == verdict::over_source_rate));
    BOOST_TEST(host.admitted(host.there, 10) == 2);
    host.now += 100ms;
    BOOST_TEST(host.admitted(host.here, 10) == 1);
}

// One source that knocks all the time must not use up what belongs to all.
BOOST_AUTO_TEST_CASE(whom_its_own_limit_turns_away_takes_nothing_of_the_rate_of_all) {
    auto wanted = small_options();
    wanted.accepts_per_second = 1;
    wanted.accepts_burst = 3;
    wanted.connections_per_source_max = 1;
    wanted.accepts_per_second_per_source = 1;
    wanted.accepts_burst_per_source = 2;
    fixture host{wanted};
    BOOST_TEST(host.admitted(host.here, 100) == 1);
    host.workers.find(0)->departed().push(host.here);
    BOOST_TEST(host.admitted(host.here, 100) == 1);
    host.workers.find(0)->departed().push(host.here);
    BOOST_TEST((host.admit(host.here) == verdict::over_source_rate));
    BOOST_TEST((host.admit(host.there) == verdict::welcome));
    BOOST_TEST((host.admit(from("192.0.2.3")) == verdict::over_rate));
}

// Behind a PROXY header: told apart by the same table as those that the acceptor knows.
BOOST_AUTO_TEST_CASE(clients_of_proxies_count_for_their_source_like_all_others) {
    auto wanted = small_options();
    wanted.connections_per_source_max = 2;
    fixture host{wanted};
    millipede::worker_metrics counters;
    auto admitted = [&](char const* address) {
        millipede::detail::doorkeeper& keeper = host.subject;
        return keeper.admit({boost::asio::ip::make_address(address), 4711}, counters);
    };
    BOOST_TEST((host.admit(host.here) == verdict::welcome));
    BOOST_TEST(admitted("192.0.2.1"));
    BOOST_TEST(!admitted("192.0.2.1"));
    BOOST_TEST((host.admit(host.here) == verdict::over_source_limit));
    BOOST_TEST(admitted("192.0.2.2"));
    BOOST_TEST(counters.newcomers_over_source_limit.load() == 1U);
    host.workers.find(1)->departed().push(host.here);
    BOOST_TEST(admitted("192.0.2.1"));
    BOOST_TEST(!admitted("192.0.2.1"));
}

// The rate of all was theirs already when they were accepted.
BOOST_AUTO_TEST_CASE(clients_of_proxies_meet_their_own_rate_and_no_other) {
    auto wanted = small_options();
    wanted.connections_max = 1;
    wanted.accepts_per_second = 1;
    wanted.accepts_per_second_per_source = 1;
    wanted.accepts_burst_per_source = 2;
    fixture host{wanted};
    BOOST_TEST(host.workers.place({}));
    BOOST_TEST((host.admit({}) == verdict::over_limit));
    millipede::worker_metrics counters;
    auto admitted = [&](char const* address) {
        return host.subject.admit({boost::asio::ip::make_address(address), 4711}, counters);
    };
    BOOST_TEST(admitted("2001:db8::1"));
    BOOST_TEST(admitted("2001:db8::2")); // of the same /64
    BOOST_TEST(!admitted("2001:db8::3"));
    BOOST_TEST(admitted("2001:db8:0:1::1"));
    BOOST_TEST(counters.newcomers_over_source_rate.load() == 1U);
}

BOOST_AUTO_TEST_CASE(the_log_names_the_client_that_was_not_let_in) {
    auto wanted = small_options();
    wanted.connections_per_source_max = 1;
    fixture host{wanted};
    test::captured_log logs;
    millipede::worker_metrics counters;
    for (unsigned short port = 1; port <= 3; ++port)
        host.subject.admit({boost::asio::ip::make_address("192.0.2.1"), port}, counters);
    BOOST_TEST(logs.count("more than 1 connections of one source: closed newcomer 192.0.2.1:2") ==
               1U);
    BOOST_TEST(logs.count("closed newcomer") == 1U); // one line a second
    BOOST_TEST(counters.newcomers_over_source_limit.load() == 2U);
}

BOOST_AUTO_TEST_CASE(every_refusal_is_counted_by_its_reason) {
    fixture host{small_options()};
    millipede::detail::admission& subject = host.subject;
    millipede::worker_metrics counters;
    subject.note_refusal(verdict::welcome, -1, counters);
    subject.note_refusal(verdict::over_limit, -1, counters);
    for (int times = 0; times < 2; ++times)
        subject.note_refusal(verdict::over_source_limit, -1, counters);
    for (int times = 0; times < 3; ++times)
        subject.note_refusal(verdict::over_rate, -1, counters);
    for (int times = 0; times < 4; ++times)
        subject.note_refusal(verdict::over_source_rate, -1, counters);
    for (int times = 0; times < 5; ++times)
        subject.note_refusal(verdict::no_memory, -1, counters);
    BOOST_TEST(counters.newcomers_over_limit.load() == 1U);
    BOOST_TEST(counters.newcomers_over_source_limit.load() == 2U);
    BOOST_TEST(counters.newcomers_over_rate.load() == 3U);
    BOOST_TEST(counters.newcomers_over_source_rate.load() == 4U);
    BOOST_TEST(counters.newcomers_shed.load() == 5U);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) // they need memory themselves
BOOST_AUTO_TEST_CASE(without_memory_to_remember_its_source_a_newcomer_is_not_let_in) {
    auto answer = millipede::test::in_child([]() -> std::string {
        auto wanted = small_options();
        wanted.connections_per_source_max = 1;
        fixture host{wanted};
        if (host.admit(host.here) != verdict::welcome) return "not welcome";
        rlimit before{};
        ::getrlimit(RLIMIT_DATA, &before);
        rlimit none{4'096, before.rlim_max}; // 0 would mean no limit
        ::setrlimit(RLIMIT_DATA, &none);
        std::uint32_t number = 1;
        auto newcomer = [&] {
            return host.admit(source_key{boost::asio::ip::address_v4{number++}});
        };
        while (number < 50'000'000 && newcomer() == verdict::welcome) {
        }
        if (newcomer() != verdict::no_memory) return "there was memory";
        if (host.admit(host.here) != verdict::over_source_limit) return "forgotten";
        ::setrlimit(RLIMIT_DATA, &before);
        return newcomer() == verdict::welcome ? "as it should be" : "not over";
    });
    BOOST_TEST(answer == "as it should be");
}
#endif

BOOST_AUTO_TEST_SUITE_END()
