// SPDX-License-Identifier: BSL-1.0
#include <load/histogram.hpp>
#include <load/random.hpp>

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

BOOST_AUTO_TEST_SUITE(histogram)

namespace {

constexpr double percents[] = {0.1, 1, 10, 25, 50, 75, 90, 99, 99.9, 99.99, 100};

// The nearest-rank percentile, as a sorted list has it.
std::int64_t exact(std::vector<std::int64_t> const& sorted, double percent) {
    auto const rank = std::ceil(static_cast<double>(sorted.size()) * percent / 100);
    return sorted[static_cast<std::size_t>(std::max(rank, 1.0)) - 1];
}

void compare_with_sorted(std::vector<std::int64_t> values) {
    load::histogram histogram;
    for (auto const value : values)
        histogram.record(value);
    std::ranges::sort(values);
    for (auto const percent : percents)
        BOOST_TEST_CONTEXT(percent << " % of " << values.size()) {
            auto const right = static_cast<double>(exact(values, percent));
            auto const error = std::abs(histogram.percentile_ns(percent) - right);
            BOOST_TEST(error <= right * 0.002);
        }
    BOOST_TEST(histogram.max_ns() == static_cast<std::uint64_t>(values.back()));
    BOOST_TEST(histogram.count() == values.size());
}

} // namespace

BOOST_AUTO_TEST_CASE(percentiles_agree_with_a_sorted_list_to_a_fifth_of_a_percent) {
    load::random_source random{1};
    for (std::size_t const count : {1U, 2U, 3U, 10U, 1'000U, 100'000U}) {
        std::vector<std::int64_t> even;
        std::vector<std::int64_t> steep;
        for (std::size_t index = 0; index < count; ++index) {
            even.push_back(1'000 + random.below(1'000'000));
            // From nanoseconds to hours, every magnitude equally often.
            steep.push_back(std::int64_t{1 + random.below(255)} << random.below(36));
        }
        compare_with_sorted(even);
        compare_with_sorted(steep);
    }
}

BOOST_AUTO_TEST_CASE(small_values_are_exact) {
    load::histogram histogram;
    for (std::int64_t value = 0; value < 256; ++value)
        histogram.record(value);
    BOOST_TEST(histogram.percentile_ns(50) == 127);
    BOOST_TEST(histogram.percentile_ns(100) == 255);
    BOOST_TEST(histogram.percentile_ns(0) == 0);
    BOOST_TEST(histogram.mean_ns() == 127.5);
}

BOOST_AUTO_TEST_CASE(no_percentile_is_above_the_largest_value) {
    for (std::int64_t const value : {257, 511, 513, 1'000'001, 999'999'999}) {
        load::histogram histogram;
        histogram.record(value);
        for (auto const percent : percents)
            BOOST_TEST(histogram.percentile_ns(percent) <= static_cast<double>(value));
    }
}

BOOST_AUTO_TEST_CASE(a_value_beyond_the_range_is_counted_at_its_end_and_remembered_as_the_largest) {
    load::histogram histogram;
    auto const day_ns = std::int64_t{86'400} * 1'000'000'000;
    histogram.record(day_ns);
    histogram.record(1);
    BOOST_TEST(histogram.max_ns() == static_cast<std::uint64_t>(day_ns));
    BOOST_TEST(histogram.percentile_ns(50) == 1);
    auto const range_ns = static_cast<double>(std::uint64_t{1} << 44);
    BOOST_TEST(histogram.percentile_ns(100) >= range_ns * 0.99);
}

BOOST_AUTO_TEST_CASE(a_clock_that_goes_back_counts_as_nothing) {
    load::histogram histogram;
    histogram.record(-5);
    BOOST_TEST(histogram.count() == 1U);
    BOOST_TEST(histogram.percentile_ns(100) == 0);
}

BOOST_AUTO_TEST_CASE(none_recorded_is_zero) {
    load::histogram const histogram;
    BOOST_TEST(histogram.percentile_ns(99) == 0);
    BOOST_TEST(histogram.mean_ns() == 0);
}

BOOST_AUTO_TEST_CASE(the_sum_of_two_is_that_of_all_their_values) {
    load::random_source random{2};
    load::histogram first;
    load::histogram second;
    load::histogram both;
    for (int index = 0; index < 10'000; ++index) {
        auto const value = std::int64_t{random.below(5'000'000)};
        (index % 3 == 0 ? first : second).record(value);
        both.record(value);
    }
    first.add(second);
    BOOST_TEST(first.count() == both.count());
    BOOST_TEST(first.max_ns() == both.max_ns());
    BOOST_TEST(first.mean_ns() == both.mean_ns());
    for (auto const percent : percents)
        BOOST_TEST(first.percentile_ns(percent) == both.percentile_ns(percent));
}

BOOST_AUTO_TEST_SUITE_END()
