// SPDX-License-Identifier: BSL-1.0
#include <millipede/worker/owed_answers.hpp>

#include "support/printing.hpp"

#include <boost/test/unit_test.hpp>

BOOST_AUTO_TEST_SUITE(owed_answers)

using millipede::connection_id;
using millipede::errc;
using millipede::detail::owed_answers;

namespace {

constexpr connection_id first{0, 1, 1};
constexpr connection_id second{0, 2, 1};
constexpr connection_id reused{0, 1, 2}; // the next owner of the first one's slot

} // namespace

BOOST_AUTO_TEST_CASE(who_is_owed_nothing_may_end) {
    owed_answers owed;
    BOOST_TEST(!owed.put_off_end(first, errc::stopping));
    owed.add(second);
    BOOST_TEST(!owed.put_off_end(first, errc::stopping));
}

BOOST_AUTO_TEST_CASE(an_end_is_put_off_until_the_last_answer) {
    owed_answers owed;
    owed.add(first);
    owed.add(first);
    BOOST_TEST(owed.put_off_end(first, errc::stopping));
    BOOST_TEST(!owed.settle(first));
    BOOST_TEST(owed.settle(first) == errc::stopping);
    BOOST_TEST(owed.empty());
    BOOST_TEST(!owed.put_off_end(first, errc::stopping));
}

BOOST_AUTO_TEST_CASE(answers_that_come_later_put_it_off_once_more) {
    owed_answers owed;
    owed.add(first);
    BOOST_TEST(owed.put_off_end(first, errc::stopping));
    owed.add(first);
    BOOST_TEST(!owed.settle(first));
    BOOST_TEST(owed.settle(first) == errc::stopping);
}

BOOST_AUTO_TEST_CASE(the_first_reason_counts) {
    owed_answers owed;
    owed.add(first);
    BOOST_TEST(owed.put_off_end(first, errc::closed_by_peer));
    BOOST_TEST(owed.put_off_end(first, errc::stopping));
    BOOST_TEST(owed.settle(first) == errc::closed_by_peer);
}

BOOST_AUTO_TEST_CASE(without_an_end_to_wait_for_nothing_happens) {
    owed_answers owed;
    owed.add(first);
    BOOST_TEST(!owed.settle(first));
    BOOST_TEST(owed.empty());
}

BOOST_AUTO_TEST_CASE(connections_are_told_apart_by_generation_too) {
    owed_answers owed;
    owed.add(first);
    owed.add(second);
    BOOST_TEST(!owed.put_off_end(reused, errc::stopping));
    BOOST_TEST(owed.put_off_end(first, errc::stopping));
    BOOST_TEST(!owed.settle(second));
    BOOST_TEST(!owed.settle(reused)); // of which nobody knows
    BOOST_TEST(owed.settle(first) == errc::stopping);
}

BOOST_AUTO_TEST_SUITE_END()
