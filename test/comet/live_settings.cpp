// SPDX-License-Identifier: BSL-1.0
#include "channels/live_settings.hpp"

#include <boost/test/unit_test.hpp>

#include <atomic>
#include <string>
#include <thread>
#include <utility>

BOOST_AUTO_TEST_SUITE(live_settings)

namespace {

comet::live_settings with(std::uint32_t number) {
    comet::live_settings made;
    made.channels.channels_max = number;
    made.channels.subscribers_max = number;
    made.channels.reply_fields = "a line that has memory of its own: " + std::to_string(number);
    return made;
}

} // namespace

BOOST_AUTO_TEST_CASE(each_worker_takes_up_what_was_left_for_it) {
    comet::settings_in_force live;
    live.begin(with(1), 2);
    auto const& first = live.of(0);
    live.leave(live.copies_of(with(2)));
    BOOST_TEST(first.channels.channels_max == 1U);
    live.take_up(0);
    BOOST_TEST(first.channels.channels_max == 2U); // where it was before
    BOOST_TEST(live.of(1).channels.channels_max == 1U);
    live.take_up(1);
    BOOST_TEST(live.of(1).channels.reply_fields == with(2).channels.reply_fields);
}

BOOST_AUTO_TEST_CASE(what_was_left_before_is_passed_over) {
    comet::settings_in_force live;
    live.begin(with(1), 1);
    live.leave(live.copies_of(with(2)));
    live.leave(live.copies_of(with(3)));
    live.take_up(0);
    live.take_up(0); // nothing is there
    BOOST_TEST(live.of(0).channels.channels_max == 3U);
    live.leave(live.copies_of(with(4))); // never taken up
}

BOOST_AUTO_TEST_CASE(nobody_sees_half_of_it) {
    constexpr std::uint32_t rounds = 2'000;
    comet::settings_in_force live;
    live.begin(with(0), 1);
    std::atomic<bool> torn{false};
    std::thread worker{[&] {
        auto const& mine = live.of(0);
        while (mine.channels.channels_max != rounds) {
            live.take_up(0);
            if (mine.channels.reply_fields !=
                with(mine.channels.subscribers_max).channels.reply_fields)
                torn = true;
        }
    }};
    for (std::uint32_t number = 1; number <= rounds; ++number)
        live.leave(live.copies_of(with(number)));
    worker.join();
    BOOST_TEST(!torn);
}

BOOST_AUTO_TEST_SUITE_END()
