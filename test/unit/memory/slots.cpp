// SPDX-License-Identifier: BSL-1.0
#include <millipede/memory/slots.hpp>

#include <boost/test/unit_test.hpp>

#include <unistd.h>

#include <fstream>
#include <set>
#include <system_error>
#include <vector>

BOOST_AUTO_TEST_SUITE(slots)

using millipede::detail::no_slot;

namespace {

struct record {
    std::uint32_t generation = 0;
    millipede::detail::list_links links{};
    std::uint32_t value = 17;
};
static_assert(sizeof(record) == 16);

using record_slots = millipede::detail::slots<record>;

std::size_t resident_bytes() {
    std::ifstream stream{"/proc/self/statm"};
    std::size_t all = 0;
    std::size_t resident = 0;
    stream >> all >> resident;
    return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

} // namespace

BOOST_AUTO_TEST_CASE(all_can_be_allocated_and_no_more) {
    record_slots records{100, 24};
    BOOST_TEST(records.count() == 100U);
    BOOST_TEST(records.in_use() == 0U);
    BOOST_TEST(records.touched() == 0U);
    std::set<std::uint32_t> seen;
    for (std::uint32_t count = 1; count <= 100; ++count) {
        auto slot = records.allocate();
        BOOST_TEST_REQUIRE(slot < 100U);
        seen.insert(slot);
        BOOST_TEST(records.in_use() == count);
        BOOST_TEST(records.touched() == count);
    }
    BOOST_TEST(seen.size() == 100U);
    BOOST_TEST(records.allocate() == no_slot);
    BOOST_TEST(records.allocate() == no_slot);
    BOOST_TEST(records.in_use() == 100U);
}

BOOST_AUTO_TEST_CASE(a_new_slot_is_fresh_and_on_no_list) {
    record_slots records{2, 0};
    auto slot = records.allocate();
    auto& first = records[slot];
    BOOST_TEST(first.generation == 1U);
    BOOST_TEST(first.value == 17U);
    BOOST_TEST(first.links.previous == no_slot);
    BOOST_TEST(first.links.next == no_slot);
}

BOOST_AUTO_TEST_CASE(freed_slots_are_used_again_last_in_first_out) {
    record_slots records{10, 0};
    std::vector<std::uint32_t> taken;
    for (int count = 0; count < 5; ++count)
        taken.push_back(records.allocate());
    for (auto index : {1U, 3U, 0U})
        records.release(taken[index]);
    BOOST_TEST(records.in_use() == 2U);
    BOOST_TEST(records.touched() == 5U);
    for (auto index : {0U, 3U, 1U}) {
        auto slot = records.allocate();
        BOOST_TEST(slot == taken[index]);
        BOOST_TEST(records[slot].links.next == no_slot); // on no list any more
    }
    BOOST_TEST(records.touched() == 5U); // none was touched anew
    BOOST_TEST(records.allocate() == 5U);
}

BOOST_AUTO_TEST_CASE(exhaustion_ends_with_a_release) {
    record_slots records{2, 0};
    records.allocate();
    auto second = records.allocate();
    BOOST_TEST(records.allocate() == no_slot);
    records.release(second);
    BOOST_TEST(records.allocate() == second);
    BOOST_TEST(records.allocate() == no_slot);
}

BOOST_AUTO_TEST_CASE(every_release_changes_the_generation_and_clears_the_record) {
    record_slots records{1, 0};
    for (std::uint32_t generation = 1; generation < 100; ++generation) {
        auto slot = records.allocate();
        BOOST_TEST_REQUIRE(slot == 0U);
        BOOST_TEST(records[0].generation == generation);
        BOOST_TEST(records[0].value == 17U);
        BOOST_TEST(records[0].links.next == no_slot);
        records[0].value = generation;
        records[0].links = {3, 4};
        records.release(0);
        BOOST_TEST(records[0].generation == generation + 1); // stale at once
        BOOST_TEST(records[0].value == 17U);
    }
}

BOOST_AUTO_TEST_CASE(the_generation_wraps_around_without_zero) {
    record_slots records{1, 0};
    records.allocate();
    records[0].generation = 0xfffffffeU;
    records.release(0);
    BOOST_TEST(records[0].generation == 0xffffffffU);
    records.allocate();
    BOOST_TEST(records[0].generation == 0xffffffffU);
    records.release(0);
    BOOST_TEST(records[0].generation == 1U);
    records.allocate();
    BOOST_TEST(records[0].generation == 1U);
}

BOOST_AUTO_TEST_CASE(a_stride_holds_record_and_extra_in_units_of_eight) {
    BOOST_TEST(record_slots::stride(0) == 16U);
    BOOST_TEST(record_slots::stride(1) == 24U);
    BOOST_TEST(record_slots::stride(8) == 24U);
    BOOST_TEST(record_slots::stride(9) == 32U);
    BOOST_TEST(record_slots::stride(100) == 120U);
}

BOOST_AUTO_TEST_CASE(slots_stand_a_stride_apart_and_know_their_number) {
    record_slots records{5, 5};
    std::vector<std::byte*> addresses;
    for (std::uint32_t slot = 0; slot < 5; ++slot) {
        auto& one = records[records.allocate()];
        BOOST_TEST(records.slot_of(one) == slot);
        addresses.push_back(reinterpret_cast<std::byte*>(&one));
        BOOST_TEST(reinterpret_cast<std::uintptr_t>(&one) % 8 == 0U);
    }
    for (std::size_t slot = 1; slot < 5; ++slot)
        BOOST_TEST(addresses[slot] - addresses[slot - 1] == 24);
}

BOOST_AUTO_TEST_CASE(what_follows_a_record_is_its_owners) {
    record_slots records{3, 8};
    for (int count = 0; count < 3; ++count) {
        auto slot = records.allocate();
        auto* extra = reinterpret_cast<std::byte*>(&records[slot] + 1);
        for (int index = 0; index < 8; ++index)
            extra[index] = std::byte{0xff};
    }
    for (std::uint32_t slot = 0; slot < 3; ++slot) {
        BOOST_TEST(records[slot].generation == 1U);
        BOOST_TEST(records[slot].value == 17U);
    }
}

BOOST_AUTO_TEST_CASE(a_million_slots_cost_no_memory_before_their_use) {
    auto before = resident_bytes();
    record_slots records{1'000'000, 48};
    for (int count = 0; count < 10; ++count)
        records.allocate();
    auto after = resident_bytes();
    BOOST_TEST(after < before + 1024 * 1024);

    std::vector<std::uint32_t> taken;
    for (int count = 0; count < 100'000; ++count)
        taken.push_back(records.allocate());
    for (auto slot : taken)
        records.release(slot);
    auto used = resident_bytes();
    BOOST_TEST(used > before + 4 * 1024 * 1024); // so that the measure above means something
    for (int turn = 0; turn < 1'000'000; ++turn)
        records.release(records.allocate());
    BOOST_TEST(records.touched() == 100'010U);
}

BOOST_AUTO_TEST_CASE(what_the_system_does_not_grant_is_an_error) {
    BOOST_CHECK_THROW((record_slots{0xfffffffeU, std::size_t{1} << 40}), std::system_error);
}

BOOST_AUTO_TEST_SUITE_END()
