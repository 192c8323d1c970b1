// SPDX-License-Identifier: BSL-1.0
#include <millipede/admin/lag_record.hpp>

#include <boost/test/unit_test.hpp>

#include <cstddef>
#include <cstdint>

BOOST_AUTO_TEST_SUITE(lag_record)

using record_type = millipede::detail::lag_record;

BOOST_AUTO_TEST_CASE(nothing_yet) {
    record_type record;
    BOOST_TEST(record.count() == 0U);
    BOOST_TEST(record.last_seconds() == 0);
    BOOST_TEST(record.quantile_seconds(0.99) == 0);
}

BOOST_AUTO_TEST_CASE(each_is_in_one_bucket_up_to_its_bound) {
    record_type record;
    record.add(0);
    record.add(0.0001);
    record.add(0.00011);
    record.add(10);
    record.add(10.1);
    BOOST_TEST(record.in_bucket(0) == 2U);
    BOOST_TEST(record.in_bucket(1) == 1U);
    BOOST_TEST(record.in_bucket(record_type::bounds.size() - 1) == 1U);
    BOOST_TEST(record.in_bucket(record_type::bounds.size()) == 1U);
    std::uint64_t sum = 0;
    for (std::size_t number = 0; number <= record_type::bounds.size(); ++number)
        sum += record.in_bucket(number);
    BOOST_TEST(sum == record.count());
    BOOST_TEST(record.sum_seconds() == 20.10021, boost::test_tools::tolerance(1e-9));
    BOOST_TEST(record.last_seconds() == 10.1);
}

BOOST_AUTO_TEST_CASE(quantiles_are_those_of_the_last_ones) {
    record_type record;
    record.add(1'000); // forgotten below
    for (std::size_t number = record_type::window; number > 0; --number)
        record.add(static_cast<double>(number));
    BOOST_TEST(record.quantile_seconds(1) == 300);
    BOOST_TEST(record.quantile_seconds(0.99) == 297);
    BOOST_TEST(record.quantile_seconds(0.5) == 150);
    BOOST_TEST(record.quantile_seconds(0) == 1);
    BOOST_TEST(record.last_seconds() == 1);
    BOOST_TEST(record.count() == 301U);
}

BOOST_AUTO_TEST_SUITE_END()
