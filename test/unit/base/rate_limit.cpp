// SPDX-License-Identifier: BSL-1.0
#include <millipede/base/rate_limit.hpp>

#include <boost/test/unit_test.hpp>

BOOST_AUTO_TEST_SUITE(rate_limit)

using millipede::detail::rate_limit;
using namespace std::chrono_literals;

namespace {

// A clock that only the test moves.
struct holder {
    explicit holder(rate_limit wanted) : rate{wanted} {}

    bool take() {
        if (!rate.has_one(bucket, now)) return false;
        rate.take(bucket, 1, now);
        return true;
    }
    int take_all() {
        int count = 0;
        while (count < 1'000'000 && take())
            ++count;
        return count;
    }

    rate_limit rate;
    rate_limit::bucket bucket{};
    rate_limit::time_point now{1h};
};

} // namespace

BOOST_AUTO_TEST_CASE(a_burst_and_then_one_per_interval) {
    holder subject{{10, 3}};
    BOOST_TEST(subject.take_all() == 3);
    subject.now += 99ms;
    BOOST_TEST(subject.take_all() == 0);
    subject.now += 1ms;
    BOOST_TEST(subject.take_all() == 1);
    subject.now += 200ms;
    BOOST_TEST(subject.take_all() == 2);
}

BOOST_AUTO_TEST_CASE(a_bucket_does_not_run_over) {
    holder subject{{10, 3}};
    BOOST_TEST(subject.take_all() == 3);
    subject.now += 1h;
    BOOST_TEST(subject.take_all() == 3);
}

BOOST_AUTO_TEST_CASE(over_a_long_time_the_rate_is_what_was_asked_for) {
    for (std::uint64_t per_second : {1U, 3U, 7U, 1'000U}) {
        holder subject{{per_second, 1}};
        std::uint64_t taken = 0;
        for (int step = 0; step < 20'000; ++step) {
            if (subject.take()) ++taken;
            subject.now += 500us;
        }
        // 10 seconds, and the one that was there at the beginning.
        BOOST_TEST(taken >= per_second * 10);
        BOOST_TEST(taken <= per_second * 10 + 1);
    }
}

BOOST_AUTO_TEST_CASE(a_burst_of_none_is_one_seconds_worth) {
    holder subject{{5, 0}};
    BOOST_TEST(subject.take_all() == 5);
    BOOST_TEST((subject.rate.fill_time() == 1s));
}

BOOST_AUTO_TEST_CASE(a_debt_is_paid_off_before_there_is_one_again) {
    holder subject{{1'000, 1'000}};
    subject.rate.take(subject.bucket, 1'000, subject.now);
    BOOST_TEST(!subject.rate.in_debt(subject.bucket, subject.now));
    BOOST_TEST(!subject.rate.has_one(subject.bucket, subject.now));
    subject.rate.take(subject.bucket, 500, subject.now);
    BOOST_TEST(subject.rate.in_debt(subject.bucket, subject.now));
    subject.now += 500ms;
    BOOST_TEST(!subject.rate.in_debt(subject.bucket, subject.now));
    BOOST_TEST(!subject.rate.has_one(subject.bucket, subject.now));
    subject.now += 1ms;
    BOOST_TEST(subject.rate.has_one(subject.bucket, subject.now));
}

BOOST_AUTO_TEST_CASE(a_bucket_is_full_at_first_and_after_a_calm) {
    holder subject{{10, 3}};
    BOOST_TEST(subject.rate.is_full(subject.bucket, subject.now));
    BOOST_TEST(subject.take());
    BOOST_TEST(!subject.rate.is_full(subject.bucket, subject.now));
    subject.now += 100ms;
    BOOST_TEST(subject.rate.is_full(subject.bucket, subject.now));
}

BOOST_AUTO_TEST_CASE(without_a_rate_there_is_always_one) {
    holder subject{rate_limit{}};
    BOOST_TEST(!subject.rate.on());
    subject.rate.take(subject.bucket, 1'000'000, subject.now);
    BOOST_TEST(subject.rate.has_one(subject.bucket, subject.now));
    BOOST_TEST(!subject.rate.in_debt(subject.bucket, subject.now));
    BOOST_TEST(subject.rate.is_full(subject.bucket, subject.now));
    BOOST_TEST(!rate_limit(0, 5).on());
}

BOOST_AUTO_TEST_CASE(the_largest_numbers_do_not_overflow) {
    rate_limit most{10'000'000'000, 10'000'000'000};
    BOOST_TEST((most.fill_time() == 1s));
    rate_limit patient{1'024, 10'000'000'000};
    BOOST_TEST((patient.fill_time() > std::chrono::hours{2'700}));
    holder subject{most};
    subject.rate.take(subject.bucket, 1'000'000'000, subject.now);
    BOOST_TEST((subject.bucket.full_at - subject.now == 100ms));
}

BOOST_AUTO_TEST_SUITE_END()
