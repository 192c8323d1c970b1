// SPDX-License-Identifier: BSL-1.0
// The supervisor without its thread, and workers without theirs: the test looks and beats.
#include <millipede/process/supervisor.hpp>

#include "support/captured_log.hpp"
#include "support/wait.hpp"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <csignal>

BOOST_AUTO_TEST_SUITE(supervisor)

namespace {

using namespace std::chrono_literals;

millipede::options small_options() {
    millipede::options limits;
    limits.workers = 2;
    limits.connections_per_worker = 4;
    limits.stall_after = 100ms; // looks every 12.5 ms, beats every 25 ms
    return limits;
}

struct fixture {
    explicit fixture(millipede::options wanted = small_options()) : limits{wanted} {
        for (std::uint32_t index : {0U, 1U})
            workers.find(index)->begin();
    }

    // Runs the worker until its next tick.
    void beat(std::uint32_t index) {
        auto& worker = *workers.find(index);
        auto before = worker.beats();
        BOOST_REQUIRE(test::eventually([&] {
            worker.context().poll();
            return worker.beats() != before;
        }));
    }
    void look(std::chrono::nanoseconds since_last = 12'500us) { subject.look(since_last); }
    std::uint64_t stalled() const { return subject.counters().stalled; }
    std::uint64_t stalls() const { return subject.counters().stalls; }

    test::captured_log logs;
    millipede::options limits;
    millipede::detail::worker_pool workers{limits, {}};
    millipede::detail::supervisor subject{limits, workers};
};

} // namespace

BOOST_FIXTURE_TEST_CASE(a_worker_that_is_silent_for_the_whole_time_is_stalled_and_told_once,
                        fixture) {
    for (int times = 0; times < 7; ++times)
        look();
    BOOST_TEST(stalled() == 0U);
    beat(1);
    look(); // the eighth eighth
    BOOST_TEST(stalled() == 1U);
    BOOST_TEST(workers.find(0)->stalled());
    BOOST_TEST(!workers.find(1)->stalled());
    for (int times = 0; times < 5; ++times) {
        beat(1);
        look();
    }
    BOOST_TEST(stalls() == 1U);
    BOOST_TEST(logs.count("worker 0 is stalled: no sign of life for 0.1 s") == 1U);
    BOOST_TEST(logs.count("worker 1") == 0U);
}

BOOST_FIXTURE_TEST_CASE(one_that_beats_again_is_welcome_and_may_stall_again, fixture) {
    for (int times = 0; times < 20; ++times)
        look();
    BOOST_TEST(stalled() == 2U);
    beat(0);
    look();
    BOOST_TEST(stalled() == 1U);
    BOOST_TEST(!workers.find(0)->stalled());
    BOOST_TEST(logs.count("worker 0 goes on after 0.3 s") == 1U);
    for (int times = 0; times < 8; ++times)
        look();
    BOOST_TEST(stalled() == 2U);
    BOOST_TEST(stalls() == 3U);
}

// By a peer that has found out what takes long: the log is not to be filled with stacks.
BOOST_FIXTURE_TEST_CASE(one_that_stalls_again_and_again_is_told_of_so_often_at_most, fixture) {
    auto begin = std::chrono::steady_clock::now();
    constexpr int times = 40;
    for (int round = 0; round < times; ++round) {
        for (int eighth = 0; eighth < 8; ++eighth)
            look();
        beat(0);
        look();
    }
    auto tens = (std::chrono::steady_clock::now() - begin) / 10s + 1; // and begun ones
    BOOST_TEST(stalls() == times + 1U);                               // worker 1 once, too
    auto told = logs.count("is stalled");
    BOOST_TEST(told >= 10U);
    BOOST_TEST(told <= static_cast<std::size_t>(10 * (tens + 1)));
    BOOST_TEST(logs.count("worker 0 goes on") + 1 == told); // worker 1 does not
}

BOOST_FIXTURE_TEST_CASE(one_that_is_only_busy_is_told_from_one_that_is_held, fixture) {
    for (int times = 0; times < 8; ++times) {
        ++workers.find(0)->mutable_counters().messages_received;
        look();
    }
    BOOST_TEST(stalled() == 2U);
    BOOST_TEST(logs.count("worker 0 is stalled") == 1U);
    BOOST_TEST(logs.count(", but it still handles messages") == 1U);
}

// As after SIGSTOP, or in a debugger: nobody had a chance to beat.
BOOST_FIXTURE_TEST_CASE(a_look_that_comes_much_too_late_blames_nobody, fixture) {
    look();
    look(1h);
    BOOST_TEST(stalled() == 0U);
    for (int times = 0; times < 8; ++times)
        look();
    BOOST_TEST(logs.count("worker 0 is stalled: no sign of life for 3600.1 s") == 1U);
}

BOOST_AUTO_TEST_CASE(a_worker_that_has_not_begun_or_has_ended_is_not_stalled) {
    test::captured_log logs;
    auto limits = small_options();
    millipede::detail::worker_pool workers{limits, {}};
    millipede::detail::supervisor subject{limits, workers};
    for (int times = 0; times < 20; ++times)
        subject.look(12'500us);
    BOOST_TEST(subject.counters().stalled.load() == 0U);
}

BOOST_AUTO_TEST_CASE(nobody_watches_when_the_option_is_off) {
    auto limits = small_options();
    limits.stall_after = 0ms;
    fixture all{limits};
    for (int times = 0; times < 20; ++times)
        all.look(10s);
    BOOST_TEST(all.stalled() == 0U);
}

BOOST_AUTO_TEST_CASE(a_signal_in_use_is_told_at_the_start) {
    auto limits = small_options();
    limits.stall_signal = SIGRTMIN + 9;
    ::signal(limits.stall_signal, SIG_IGN);
    {
        fixture all{limits};
        all.subject.start();
        all.subject.stop();
        all.subject.stop(); // once more does nothing
        BOOST_TEST(all.logs.count("has a handler already") == 1U);
    }
    ::signal(limits.stall_signal, SIG_DFL);
}

BOOST_AUTO_TEST_SUITE_END()
