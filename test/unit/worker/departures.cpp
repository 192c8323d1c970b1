// SPDX-License-Identifier: BSL-1.0
#include <millipede/worker/departures.hpp>

#include <boost/test/unit_test.hpp>

#include <atomic>
#include <thread>
#include <vector>

BOOST_AUTO_TEST_SUITE(departures)

using millipede::detail::source_key;

namespace {

source_key key(std::uint32_t number) {
    return source_key{boost::asio::ip::address_v4{number}};
}

} // namespace

BOOST_AUTO_TEST_CASE(all_who_left_are_told_once_and_in_order) {
    millipede::detail::departures left{10};
    std::vector<std::uint64_t> told;
    auto tell = [&](source_key source) { told.push_back(source.bits()); };
    left.take_all(tell);
    BOOST_TEST(told.empty());
    for (std::uint32_t number = 1; number <= 10; ++number)
        left.push(key(number));
    left.take_all(tell);
    left.take_all(tell);
    BOOST_REQUIRE(told.size() == 10U);
    for (std::uint32_t number = 1; number <= 10; ++number)
        BOOST_TEST(told[number - 1] == number);
}

BOOST_AUTO_TEST_CASE(none_is_lost_between_two_threads) {
    constexpr std::uint32_t all = 200'000;
    constexpr std::uint32_t present_max = 100;
    millipede::detail::departures left{present_max};
    std::atomic<std::uint32_t> present{0};
    std::thread worker{[&] {
        for (std::uint32_t number = 1; number <= all;) {
            if (present.load() == 0) continue;
            left.push(key(number++));
            --present;
        }
    }};
    std::uint64_t sum = 0;
    std::uint32_t count = 0;
    for (std::uint32_t placed = 0; count < all;) {
        left.take_all([&](source_key source) {
            sum += source.bits();
            ++count;
        });
        if (placed < all && present.load() < present_max) {
            ++present;
            ++placed;
        }
    }
    worker.join();
    BOOST_TEST(sum == std::uint64_t{all} * (all + 1) / 2);
}

BOOST_AUTO_TEST_SUITE_END()
