// SPDX-License-Identifier: BSL-1.0
// What happens without memory is in test/faults.
#include <millipede/worker/agenda.hpp>

#include <boost/test/unit_test.hpp>

#include <cstdint>
#include <vector>

BOOST_AUTO_TEST_SUITE(agenda)

namespace {

using tokens = std::vector<std::uint64_t>;

tokens worked_off(millipede::detail::agenda& subject) {
    tokens seen;
    subject.work_off([&](std::uint64_t token) { seen.push_back(token); },
                     [&] { BOOST_ERROR("it is complete"); });
    return seen;
}

} // namespace

BOOST_AUTO_TEST_CASE(an_empty_one_has_nothing_to_do) {
    millipede::detail::agenda subject;
    BOOST_TEST(subject.empty());
    BOOST_TEST(worked_off(subject).empty());
    BOOST_TEST(subject.empty());
}

BOOST_AUTO_TEST_CASE(what_was_noted_comes_in_order_and_once) {
    millipede::detail::agenda subject;
    for (std::uint64_t token : {3U, 1U, 2U})
        subject.note(token);
    BOOST_TEST(!subject.empty());
    BOOST_TEST((worked_off(subject) == tokens{3, 1, 2}));
    BOOST_TEST(subject.empty());
    BOOST_TEST(worked_off(subject).empty());
}

BOOST_AUTO_TEST_CASE(what_is_noted_meanwhile_waits_for_the_next_time) {
    millipede::detail::agenda subject;
    subject.note(1);
    subject.work_off([&](std::uint64_t token) { subject.note(token + 1); }, [] {});
    BOOST_TEST(!subject.empty());
    BOOST_TEST((worked_off(subject) == tokens{2}));
}

BOOST_AUTO_TEST_CASE(what_an_exception_leaves_is_kept_and_comes_first) {
    millipede::detail::agenda subject;
    for (std::uint64_t token : {1U, 2U, 3U})
        subject.note(token);
    auto fail_at_2 = [&](std::uint64_t token) {
        subject.note(token + 10);
        if (token == 2) throw 7;
    };
    BOOST_CHECK_THROW(subject.work_off(fail_at_2, [] {}), int);
    BOOST_TEST(!subject.empty());
    BOOST_TEST((worked_off(subject) == tokens{3}));
    BOOST_TEST(!subject.empty());
    BOOST_TEST((worked_off(subject) == tokens{11, 12}));
    BOOST_TEST(subject.empty());
}

BOOST_AUTO_TEST_SUITE_END()
