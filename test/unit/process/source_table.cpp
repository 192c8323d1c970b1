// SPDX-License-Identifier: BSL-1.0
#include <millipede/process/source_table.hpp>

#include <boost/test/unit_test.hpp>

BOOST_AUTO_TEST_SUITE(source_table)

using millipede::detail::rate_limit;
using millipede::detail::source_key;
using table_type = millipede::detail::source_table;
using namespace std::chrono_literals;

namespace {

source_key key(std::uint32_t number) {
    return source_key{boost::asio::ip::address_v4{number}};
}

constexpr rate_limit::time_point start{1h};

} // namespace

BOOST_AUTO_TEST_CASE(sources_are_counted_apart) {
    table_type table{{}};
    ++table.at(key(1), start).connections;
    ++table.at(key(1), start).connections;
    ++table.at(key(2), start).connections;
    BOOST_TEST(table.at(key(1), start).connections == 2U);
    BOOST_TEST(table.at(key(2), start).connections == 1U);
    table.departed(key(1));
    BOOST_TEST(table.at(key(1), start).connections == 1U);
    BOOST_TEST(table.at(key(2), start).connections == 1U);
    BOOST_TEST(table.size() == 2U);
}

BOOST_AUTO_TEST_CASE(a_source_without_connections_is_forgotten) {
    table_type table{{}};
    ++table.at(key(1), start).connections;
    table.departed(key(1));
    BOOST_TEST(table.size() == 0U);
}

BOOST_AUTO_TEST_CASE(who_was_never_there_departs_without_effect) {
    table_type table{{}};
    table.departed(key(1));
    table.departed({});
    BOOST_TEST(table.size() == 0U);
    table.at(key(1), start); // present with no connection
    table.departed(key(1));
    BOOST_TEST(table.at(key(1), start).connections == 0U);
}

BOOST_AUTO_TEST_CASE(the_arrivals_of_one_who_left_are_remembered_until_they_do_not_matter) {
    rate_limit once_per_second{1, 1};
    table_type table{once_per_second};
    auto& entry = table.at(key(1), start);
    ++entry.connections;
    once_per_second.take(entry.arrivals, 1, start);
    table.departed(key(1));
    BOOST_TEST(table.size() == 1U);
    for (std::uint32_t number = 2; number < 200; ++number)
        ++table.at(key(number), start + 999ms).connections;
    BOOST_TEST(!once_per_second.has_one(table.at(key(1), start + 999ms).arrivals, start + 999ms));
    for (std::uint32_t number = 200; number < 400; ++number)
        ++table.at(key(number), start + 1s).connections;
    BOOST_TEST(table.size() == 398U); // all but the first
}

BOOST_AUTO_TEST_CASE(a_crowd_that_comes_once_each_does_not_grow_the_table) {
    rate_limit rate{10, 10};
    table_type table{rate};
    auto now = start;
    std::size_t largest = 0;
    for (std::uint32_t number = 1; number < 200'000; ++number) {
        rate.take(table.at(key(number), now).arrivals, 1, now);
        largest = std::max(largest, table.size());
        now += 1ms;
    }
    // 100 of them are in debt at a time.
    BOOST_TEST(largest < 1'000U);
}

BOOST_AUTO_TEST_CASE(those_who_are_present_are_never_forgotten) {
    table_type table{rate_limit{1, 1}};
    for (std::uint32_t number = 1; number <= 1'000; ++number)
        ++table.at(key(number), start).connections;
    for (std::uint32_t number = 1'001; number < 20'000; ++number)
        table.at(key(number), start + 1h);
    for (std::uint32_t number = 1; number <= 1'000; ++number)
        BOOST_REQUIRE(table.at(key(number), start).connections == 1U);
}

BOOST_AUTO_TEST_SUITE_END()
