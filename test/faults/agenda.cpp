// SPDX-License-Identifier: BSL-1.0
// Connections to come back to that there was no memory to note.
#include "faults/failing_allocations.hpp"

#include <millipede/worker/agenda.hpp>

#include <boost/test/unit_test.hpp>

#include <cstdint>

BOOST_AUTO_TEST_SUITE(agenda_without_memory)

namespace {

void note_without_memory(millipede::detail::agenda& subject, std::uint64_t token) {
    test::failing_allocations all{1, test::failing_allocations::how_many::all_from_there};
    test::fragile_scope here;
    subject.note(token);
}

} // namespace

BOOST_AUTO_TEST_CASE(what_could_not_be_noted_has_all_looked_at_once) {
    millipede::detail::agenda subject;
    note_without_memory(subject, 1);
    BOOST_TEST(!subject.empty());
    int looks = 0;
    for (int times = 0; times < 2; ++times)
        subject.work_off([](std::uint64_t) { BOOST_ERROR("it was noted"); }, [&] { ++looks; });
    BOOST_TEST(looks == 1);
    BOOST_TEST(subject.empty());
}

// Those behind the one whose handler threw would else wait for ever.
BOOST_AUTO_TEST_CASE(a_look_that_was_broken_off_is_taken_again) {
    millipede::detail::agenda subject;
    note_without_memory(subject, 1);
    int looks = 0;
    auto look = [&] {
        if (++looks == 1) throw 7;
    };
    BOOST_CHECK_THROW(subject.work_off([](std::uint64_t) {}, look), int);
    BOOST_TEST(!subject.empty());
    subject.work_off([](std::uint64_t) {}, look);
    BOOST_TEST(looks == 2);
    BOOST_TEST(subject.empty());
}

BOOST_AUTO_TEST_SUITE_END()
