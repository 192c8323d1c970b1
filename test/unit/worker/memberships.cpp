// SPDX-License-Identifier: BSL-1.0
#include <millipede/worker/memberships.hpp>

#include "unit/support/seed.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <vector>

BOOST_AUTO_TEST_SUITE(memberships)

namespace {

using millipede::detail::group_state;
using table = millipede::detail::memberships;
using state_ptr = boost::intrusive_ptr<group_state>;

constexpr std::uint32_t home = 1; // the worker, of two

state_ptr make_group() {
    return state_ptr{new group_state{2, nullptr}};
}

// As whoever asks for it does: who joins counts before it is in.
bool join(table& all, group_state& of, std::uint32_t slot) {
    auto& expected = of.on(home).expected;
    ++expected;
    bool joined = all.join(of, slot);
    if (!joined) --expected;
    return joined;
}

std::multiset<std::uint32_t> slots_in(group_state& of) {
    std::multiset<std::uint32_t> result;
    for (auto const& member : of.on(home).members)
        result.insert(member.slot);
    return result;
}

} // namespace

BOOST_AUTO_TEST_CASE(who_joins_is_in_until_it_leaves) {
    table all{home};
    auto room = make_group();
    BOOST_TEST(all.empty());
    BOOST_TEST(join(all, *room, 7));
    BOOST_TEST(!join(all, *room, 7)); // is in already
    BOOST_TEST(join(all, *room, 2));
    BOOST_TEST(!all.empty());
    BOOST_TEST((slots_in(*room) == std::multiset<std::uint32_t>{2, 7}));
    BOOST_TEST(room->size() == 2U);
    BOOST_TEST(room->concerns(home));
    BOOST_TEST(!room->concerns(0));
    BOOST_TEST(all.leave(*room, 7));
    BOOST_TEST(!all.leave(*room, 7)); // was in no longer
    BOOST_TEST(!all.leave(*room, 1'000));
    BOOST_TEST((slots_in(*room) == std::multiset<std::uint32_t>{2}));
    BOOST_TEST(all.leave(*room, 2));
    BOOST_TEST(all.empty());
    BOOST_TEST(room->size() == 0U);
    BOOST_TEST(!room->concerns(home));
}

BOOST_AUTO_TEST_CASE(who_ends_leaves_all_its_groups_and_no_other_does) {
    table all{home};
    std::vector<state_ptr> rooms;
    for (int count = 0; count < 5; ++count) {
        rooms.push_back(make_group());
        join(all, *rooms.back(), 3);
        join(all, *rooms.back(), 4);
    }
    all.leave_all(3);
    all.leave_all(3); // has left
    all.leave_all(1'000);
    for (auto const& room : rooms)
        BOOST_TEST((slots_in(*room) == std::multiset<std::uint32_t>{4}));
    BOOST_TEST(join(all, *rooms[0], 3)); // the next owner of the slot begins with nothing
    BOOST_TEST(!all.leave(*rooms[1], 3));
}

BOOST_AUTO_TEST_CASE(a_group_lives_as_long_as_a_member) {
    table all{home};
    auto room = make_group();
    auto* seen = room.get();
    join(all, *room, 1);
    BOOST_TEST(seen->use_count() == 2U);
    room.reset();
    BOOST_TEST(seen->use_count() == 1U);
    all.leave_all(1); // AddressSanitizer looks on
    BOOST_TEST(all.empty());
}

BOOST_AUTO_TEST_CASE(a_list_that_shrinks_gives_memory_back) {
    table all{home};
    auto room = make_group();
    constexpr std::uint32_t many = 10'000;
    for (std::uint32_t slot = 0; slot < many; ++slot)
        join(all, *room, slot);
    for (std::uint32_t slot = 0; slot < many - 10; ++slot)
        all.leave(*room, slot);
    BOOST_TEST(room->on(home).members.capacity() <= 64U);
    BOOST_TEST(room->size() == 10U);
}

// Random joins, leaves and ends, while messages are walked to the members: what is in the table is
// what a set of pairs says, and a message reaches whoever was in when its walk began and has not
// left before its turn, once each, and nobody else.
BOOST_AUTO_TEST_CASE(random_changes_against_a_model) {
    auto seed = millipede::test::random_seed();
    BOOST_TEST_MESSAGE("seed " << seed);
    std::mt19937 random{seed};
    auto below = [&](std::uint32_t limit) {
        return std::uniform_int_distribution<std::uint32_t>{0, limit - 1}(random);
    };
    constexpr std::uint32_t slots = 40;
    constexpr std::uint32_t groups = 12;
    table all{home};
    std::vector<state_ptr> rooms;
    for (std::uint32_t count = 0; count < groups; ++count)
        rooms.push_back(make_group());
    std::vector<std::set<std::uint32_t>> model(groups);
    std::vector<std::set<std::uint32_t>> owed(groups); // by the walk, in that group

    auto step_walk = [&](std::uint32_t number) {
        auto& part = rooms[number]->on(home);
        if (part.unsent == 0) {
            BOOST_REQUIRE(owed[number].empty()); // the one before has reached all it should
            part.unsent = static_cast<std::uint32_t>(part.members.size());
            owed[number] = model[number];
            return;
        }
        BOOST_REQUIRE(owed[number].erase(part.members[--part.unsent].slot) == 1);
    };
    for (int round = 0; round < 60'000; ++round) {
        auto slot = below(slots);
        auto number = below(groups);
        switch (below(8)) {
        case 0:
        case 1:
        case 2:
            BOOST_REQUIRE(join(all, *rooms[number], slot) == model[number].insert(slot).second);
            break;
        case 3:
            BOOST_REQUIRE(all.leave(*rooms[number], slot) == (model[number].erase(slot) == 1));
            owed[number].erase(slot);
            break;
        case 4:
            if (below(4) != 0) break;
            all.leave_all(slot);
            for (auto* sets : {&model, &owed})
                for (auto& each : *sets)
                    each.erase(slot);
            break;
        default:
            step_walk(number);
        }
        BOOST_REQUIRE(rooms[number]->size() == model[number].size());
        if (round % 50 != 0) continue;
        for (std::uint32_t each = 0; each < groups; ++each) {
            std::multiset<std::uint32_t> wanted(model[each].begin(), model[each].end());
            BOOST_REQUIRE((slots_in(*rooms[each]) == wanted));
        }
    }
    for (std::uint32_t slot = 0; slot < slots; ++slot)
        all.leave_all(slot);
    BOOST_TEST(all.empty());
    for (auto const& room : rooms)
        BOOST_TEST(room->size() == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
