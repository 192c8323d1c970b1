// SPDX-License-Identifier: BSL-1.0
#include <millipede/worker/closing_schedule.hpp>

#include <boost/test/unit_test.hpp>

#include <array>
#include <chrono>

BOOST_AUTO_TEST_SUITE(closing_schedule)

using millipede::detail::closing_schedule;
using namespace std::chrono_literals;

namespace {

auto const begin = closing_schedule::clock::time_point{} + 1h;

} // namespace

BOOST_AUTO_TEST_CASE(without_a_window_all_are_due) {
    BOOST_TEST(closing_schedule{}.due(begin) == closing_schedule::all);
    BOOST_TEST((closing_schedule{10, begin, 0ms, 0.5}.due(begin)) == closing_schedule::all);
}

BOOST_AUTO_TEST_CASE(as_many_are_due_as_time_has_passed) {
    closing_schedule schedule{1'000'000, begin, 10s, 0};
    BOOST_TEST(schedule.due(begin) == 0U);
    BOOST_TEST(schedule.due(begin + 1ms) == 100U);
    BOOST_TEST(schedule.due(begin + 2500ms) == 250'000U);
    BOOST_TEST(schedule.due(begin + 9999ms) == 999'900U);
}

BOOST_AUTO_TEST_CASE(at_the_end_of_the_window_whoever_is_left_is_due) {
    closing_schedule schedule{10, begin, 10s, 0.5};
    BOOST_TEST(schedule.due(begin + 10s - 1ns) <= 10U);
    BOOST_TEST(schedule.due(begin + 10s) == closing_schedule::all);
    BOOST_TEST(schedule.due(begin + 1h) == closing_schedule::all);
}

BOOST_AUTO_TEST_CASE(the_phase_moves_the_moments_of_a_few) {
    struct expectation {
        double phase;
        std::chrono::milliseconds moment; // of a single connection
    };
    for (auto const& expected :
         std::array<expectation, 3>{{{0.25, 7500ms}, {0.5, 5s}, {0.75, 2500ms}}}) {
        closing_schedule schedule{1, begin, 10s, expected.phase};
        BOOST_TEST(schedule.due(begin + expected.moment - 1ms) == 0U);
        BOOST_TEST(schedule.due(begin + expected.moment + 1ms) == 1U);
    }
}

BOOST_AUTO_TEST_SUITE_END()
