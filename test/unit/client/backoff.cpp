// SPDX-License-Identifier: BSL-1.0
#include "unit/support/seed.hpp"

#include <millipede/client/backoff.hpp>

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <random>

BOOST_AUTO_TEST_SUITE(client_backoff)

using millipede::reconnect_options;
using millipede::detail::backoff;
using std::chrono::milliseconds;

namespace {

reconnect_options limits_of(int base, int cap) {
    return {.base = milliseconds{base}, .cap = milliseconds{cap}};
}

} // namespace

BOOST_AUTO_TEST_CASE(the_bound_doubles_up_to_the_cap) {
    auto limits = limits_of(500, 3'000);
    int expected[] = {500, 1'000, 2'000, 3'000, 3'000};
    for (std::uint32_t failures = 0; failures < 5; ++failures)
        BOOST_TEST(backoff::bound(limits, failures).count() == expected[failures]);
    BOOST_TEST(backoff::bound(limits_of(512, 2'048), 2).count() == 2'048);
    BOOST_TEST(backoff::bound(limits_of(7, 7), 0).count() == 7);
}

BOOST_AUTO_TEST_CASE(the_bound_never_overflows) {
    auto limits = limits_of(1, 1'000'000'000);
    for (std::uint32_t failures : {31U, 62U, 63U, 64U, 1'000U, 0xffff'ffffU})
        BOOST_TEST(backoff::bound(limits, failures).count() == 1'000'000'000);
}

BOOST_AUTO_TEST_CASE(pauses_are_drawn_from_the_whole_of_the_range) {
    auto seed = millipede::test::random_seed();
    BOOST_TEST_MESSAGE("seed " << seed);
    std::mt19937_64 random{seed};
    auto limits = limits_of(100, 400);
    std::int64_t lowest = 1'000;
    std::int64_t highest = 0;
    for (int run = 0; run < 1'000; ++run) {
        backoff pauses;
        for (int most : {100, 200, 400, 400}) {
            auto drawn = pauses.next(limits, random).count();
            BOOST_REQUIRE(drawn >= 0);
            BOOST_REQUIRE(drawn <= most);
            lowest = std::min(lowest, drawn);
            highest = std::max(highest, drawn);
        }
    }
    // 4,000 draws: to miss the outer tenths by chance has a probability below 10^-90.
    BOOST_TEST(lowest < 40);
    BOOST_TEST(highest > 360);
}

BOOST_AUTO_TEST_CASE(success_makes_the_pauses_begin_anew) {
    std::mt19937_64 random{1};
    auto limits = limits_of(1, 1 << 20);
    backoff pauses;
    for (int failure = 0; failure < 30; ++failure)
        pauses.next(limits, random);
    pauses.succeed();
    for (int run = 0; run < 100; ++run) {
        BOOST_REQUIRE(pauses.next(limits, random).count() <= 1);
        pauses.succeed();
    }
}

BOOST_AUTO_TEST_SUITE_END()
