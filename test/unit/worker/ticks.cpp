// SPDX-License-Identifier: BSL-1.0
#include <millipede/worker/ticks.hpp>

#include <boost/test/unit_test.hpp>

BOOST_AUTO_TEST_SUITE(ticks)

using millipede::detail::tick_length_for;
using millipede::detail::ticks_of;
using namespace std::chrono_literals;

namespace {

// All timeouts so long that none of them decides.
millipede::options calm() {
    millipede::options limits;
    limits.idle_timeout = 1h;
    limits.write_timeout = 1h;
    limits.linger_timeout = 1h;
    limits.stall_after = 0ms;
    return limits;
}

} // namespace

BOOST_AUTO_TEST_CASE(long_timeouts_are_counted_in_seconds) {
    BOOST_TEST((tick_length_for(calm()) == 1s));
}

BOOST_AUTO_TEST_CASE(the_shortest_timeout_decides) {
    using member = std::chrono::milliseconds millipede::options::*;
    for (member timeout :
         {&millipede::options::idle_timeout, &millipede::options::write_timeout,
          &millipede::options::first_message_timeout, &millipede::options::message_timeout,
          &millipede::options::heartbeat_interval}) {
        auto limits = calm();
        limits.*timeout = 800ms;
        BOOST_TEST((tick_length_for(limits) == 100ms));
        limits.*timeout = 1ms;
        BOOST_TEST((tick_length_for(limits) == 10ms));
        limits.*timeout = 0ms; // off
        BOOST_TEST((tick_length_for(limits) == 1s));
    }
    auto limits = calm();
    limits.linger_timeout = 400ms;
    BOOST_TEST((tick_length_for(limits) == 200ms));
}

BOOST_AUTO_TEST_CASE(four_ticks_at_least_come_before_a_worker_counts_as_stalled) {
    auto limits = calm();
    limits.stall_after = 2s;
    BOOST_TEST((tick_length_for(limits) == 500ms));
    limits.stall_after = 100ms;
    BOOST_TEST((tick_length_for(limits) == 25ms));
    limits.stall_after = 1h;
    BOOST_TEST((tick_length_for(limits) == 1s));
}

// Else tokens would be lost between two looks, and the rate would be lower than asked for.
BOOST_AUTO_TEST_CASE(a_tick_is_no_longer_than_a_bucket_takes_to_fill) {
    auto limits = calm();
    limits.messages_per_second = 100;
    BOOST_TEST((tick_length_for(limits) == 100ms));
    limits.messages_burst = 5;
    BOOST_TEST((tick_length_for(limits) == 50ms));
    limits.bytes_per_second = 100'000;
    limits.bytes_burst = 3'000;
    BOOST_TEST((tick_length_for(limits) == 30ms));
    limits.messages_burst = 1;
    BOOST_TEST((tick_length_for(limits) == 10ms));
}

BOOST_AUTO_TEST_CASE(a_timeout_never_comes_early) {
    BOOST_TEST(ticks_of(0ms, 100ms) == 0U);
    BOOST_TEST(ticks_of(1ms, 100ms) == 2U);
    BOOST_TEST(ticks_of(100ms, 100ms) == 2U);
    BOOST_TEST(ticks_of(101ms, 100ms) == 3U);
}

BOOST_AUTO_TEST_SUITE_END()
