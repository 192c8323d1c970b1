// SPDX-License-Identifier: BSL-1.0
#include <load/engine.hpp>
#include <load/pacer.hpp>

#include <boost/test/unit_test.hpp>

#include <cstdint>

BOOST_AUTO_TEST_SUITE(pacer)

BOOST_AUTO_TEST_CASE(events_are_due_at_even_distances_from_the_start) {
    load::pacer pacer{1'000};
    pacer.start(5'000);
    BOOST_TEST(pacer.paced());
    BOOST_TEST(pacer.due(5'000));
    BOOST_TEST(!pacer.due(4'999));
    BOOST_TEST(pacer.take(5'000) == 5'000);
    BOOST_TEST(pacer.next_ns() == 1'005'000);
    BOOST_TEST(!pacer.due(1'004'999));
    BOOST_TEST(pacer.due(1'005'000));
    BOOST_TEST(pacer.taken() == 1U);
}

BOOST_AUTO_TEST_CASE(whoever_is_late_gets_the_time_that_was_intended) {
    load::pacer pacer{1'000};
    pacer.start(0);
    auto const late_ns = std::int64_t{10'000'000};
    for (std::int64_t event = 0; event <= 10; ++event) {
        BOOST_TEST(pacer.due(late_ns));
        BOOST_TEST(pacer.take(late_ns) == event * 1'000'000);
    }
    BOOST_TEST(!pacer.due(late_ns));
}

BOOST_AUTO_TEST_CASE(no_error_adds_up_over_many_events) {
    load::pacer pacer{3}; // a third of a second is no whole number of nanoseconds
    pacer.start(0);
    for (int event = 0; event < 3'000'000; ++event)
        pacer.take(0);
    BOOST_TEST(pacer.next_ns() == std::int64_t{1'000'000} * load::second_ns);
}

BOOST_AUTO_TEST_CASE(without_a_rate_everything_is_due_now) {
    load::pacer pacer;
    pacer.start(0);
    BOOST_TEST(!pacer.paced());
    BOOST_TEST(pacer.due(7));
    BOOST_TEST(pacer.take(7) == 7);
    BOOST_TEST(pacer.taken() == 1U);
}

BOOST_AUTO_TEST_CASE(a_new_start_forgets_the_old_timetable) {
    load::pacer pacer{10};
    pacer.start(0);
    pacer.take(0);
    pacer.start(500);
    BOOST_TEST(pacer.taken() == 0U);
    BOOST_TEST(pacer.next_ns() == 500);
}

BOOST_AUTO_TEST_CASE(the_shares_of_all_workers_are_the_whole) {
    for (std::uint64_t const total : {0U, 1U, 6U, 7U, 8U, 1'000'003U}) {
        std::uint64_t sum = 0;
        std::uint64_t least = UINT64_MAX;
        std::uint64_t most = 0;
        for (std::uint32_t worker = 0; worker < 7; ++worker) {
            auto const share = load::work_share{.worker = worker, .workers = 7}.of(total);
            sum += share;
            least = std::min(least, share);
            most = std::max(most, share);
        }
        BOOST_TEST(sum == total);
        BOOST_TEST(most - least <= 1U);
    }
}

BOOST_AUTO_TEST_SUITE_END()
