// SPDX-License-Identifier: BSL-1.0
#include <millipede/memory/idle_list.hpp>

#include <boost/test/unit_test.hpp>

#include <vector>

BOOST_AUTO_TEST_SUITE(idle_list)

using millipede::detail::no_slot;

namespace {

struct record {
    std::uint32_t generation = 0;
    std::uint32_t active_tick = 0;
    millipede::detail::list_links links{};
};

using record_slots = millipede::detail::slots<record>;
using list = millipede::detail::idle_list<record>;

/// A list with slots 0 to `count - 1`, all active at tick `tick`.
struct filled {
    explicit filled(std::uint32_t count, std::uint32_t tick = 0) {
        for (std::uint32_t slot = 0; slot < count; ++slot) {
            records.allocate();
            waiting.push_back(slot, tick);
        }
    }

    std::vector<std::uint32_t> order() {
        std::vector<std::uint32_t> slots;
        auto before = no_slot;
        for (auto slot = waiting.front(); slot != no_slot; slot = records[slot].links.next) {
            BOOST_TEST(records[slot].links.previous == before);
            before = slot;
            slots.push_back(slot);
        }
        return slots;
    }

    record_slots records{16, 0};
    list waiting{records};
};

using numbers = std::vector<std::uint32_t>;

} // namespace

BOOST_AUTO_TEST_CASE(a_new_one_is_empty) {
    record_slots records{1, 0};
    list waiting{records};
    BOOST_TEST(waiting.empty());
    BOOST_TEST(waiting.front() == no_slot);
    BOOST_TEST(waiting.overdue(100, 1) == no_slot);
}

BOOST_AUTO_TEST_CASE(slots_stand_in_the_order_of_their_arrival) {
    filled all{4};
    BOOST_TEST(!all.waiting.empty());
    BOOST_TEST((all.order() == numbers{0, 1, 2, 3}));
}

BOOST_AUTO_TEST_CASE(a_touched_slot_goes_behind_all_others) {
    filled all{4};
    all.waiting.touch(1, 1);
    BOOST_TEST((all.order() == numbers{0, 2, 3, 1}));
    all.waiting.touch(0, 2);
    BOOST_TEST((all.order() == numbers{2, 3, 1, 0}));
    all.waiting.touch(0, 3);
    BOOST_TEST((all.order() == numbers{2, 3, 1, 0}));
    BOOST_TEST(all.records[0].active_tick == 3U);
}

BOOST_AUTO_TEST_CASE(a_slot_moves_at_most_once_per_tick) {
    filled all{3};
    all.waiting.touch(0, 5);
    all.waiting.touch(1, 5);
    BOOST_TEST((all.order() == numbers{2, 0, 1}));
    all.waiting.touch(0, 5);
    BOOST_TEST((all.order() == numbers{2, 0, 1}));
    all.waiting.touch(0, 6);
    BOOST_TEST((all.order() == numbers{2, 1, 0}));
}

BOOST_AUTO_TEST_CASE(a_slot_can_be_removed_from_front_middle_and_back) {
    filled all{5};
    all.waiting.remove(0);
    BOOST_TEST((all.order() == numbers{1, 2, 3, 4}));
    all.waiting.remove(2);
    BOOST_TEST((all.order() == numbers{1, 3, 4}));
    all.waiting.remove(4);
    BOOST_TEST((all.order() == numbers{1, 3}));
    all.waiting.push_back(2, 1); // the back is known still
    BOOST_TEST((all.order() == numbers{1, 3, 2}));
    for (std::uint32_t slot : {1U, 2U, 3U})
        all.waiting.remove(slot);
    BOOST_TEST(all.waiting.empty());
    all.waiting.push_back(4, 1);
    BOOST_TEST((all.order() == numbers{4}));
}

BOOST_AUTO_TEST_CASE(a_removed_slot_is_on_no_list) {
    filled all{3};
    for (std::uint32_t slot : {1U, 0U, 2U}) {
        all.waiting.remove(slot);
        BOOST_TEST(all.records[slot].links.previous == no_slot);
        BOOST_TEST(all.records[slot].links.next == no_slot);
    }
}

BOOST_AUTO_TEST_CASE(a_slot_can_change_lists) {
    filled all{3};
    list other{all.records};
    all.waiting.remove(1);
    other.push_back(1, 9);
    BOOST_TEST((all.order() == numbers{0, 2}));
    BOOST_TEST(other.front() == 1U);
    BOOST_TEST(all.records[1].active_tick == 9U);
}

BOOST_AUTO_TEST_CASE(the_front_is_overdue_from_the_limit_on) {
    filled all{2, 10};
    BOOST_TEST(all.waiting.overdue(10, 5) == no_slot);
    BOOST_TEST(all.waiting.overdue(14, 5) == no_slot);
    BOOST_TEST(all.waiting.overdue(15, 5) == 0U);
    BOOST_TEST(all.waiting.overdue(1'000, 5) == 0U);
    all.waiting.touch(0, 14);
    BOOST_TEST(all.waiting.overdue(15, 5) == 1U);
    all.waiting.remove(1);
    BOOST_TEST(all.waiting.overdue(15, 5) == no_slot);
    BOOST_TEST(all.waiting.overdue(19, 5) == 0U);
}

BOOST_AUTO_TEST_CASE(a_limit_of_zero_means_none) {
    filled all{1};
    BOOST_TEST(all.waiting.overdue(0xffffffffU, 0) == no_slot);
}

BOOST_AUTO_TEST_CASE(ticks_may_wrap_around) {
    filled all{2, 0xfffffffeU};
    BOOST_TEST(all.waiting.overdue(0xffffffffU, 4) == no_slot);
    BOOST_TEST(all.waiting.overdue(0, 4) == no_slot);
    BOOST_TEST(all.waiting.overdue(1, 4) == no_slot);
    BOOST_TEST(all.waiting.overdue(2, 4) == 0U);
    all.waiting.touch(0, 0);
    BOOST_TEST((all.order() == numbers{1, 0}));
    BOOST_TEST(all.waiting.overdue(2, 4) == 1U);
    all.waiting.touch(1, 1);
    BOOST_TEST(all.waiting.overdue(3, 4) == no_slot);
    BOOST_TEST(all.waiting.overdue(4, 4) == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
