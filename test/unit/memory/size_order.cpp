// SPDX-License-Identifier: BSL-1.0
#include <millipede/memory/size_order.hpp>

#include "unit/support/seed.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <bit>
#include <random>
#include <vector>

BOOST_AUTO_TEST_SUITE(size_order)

using millipede::detail::no_slot;
using millipede::detail::size_place;
using order = millipede::detail::size_order;

BOOST_AUTO_TEST_CASE(a_new_one_has_no_largest) {
    order sizes;
    BOOST_TEST(sizes.largest() == no_slot);
    BOOST_TEST(sizes.classes().load() == 0U);
    size_place place;
    sizes.remove(place); // one that is not in
    sizes.place(place, 1, 0);
    BOOST_TEST(sizes.largest() == no_slot);
}

BOOST_AUTO_TEST_CASE(the_largest_is_found_as_sizes_change) {
    order sizes;
    std::vector<size_place> places(4);
    sizes.place(places[0], 10, 100);
    sizes.place(places[1], 11, 5'000);
    sizes.place(places[2], 12, 900);
    BOOST_TEST(sizes.largest() == 11U);
    sizes.place(places[2], 12, 70'000);
    BOOST_TEST(sizes.largest() == 12U);
    sizes.place(places[2], 12, 1);
    BOOST_TEST(sizes.largest() == 11U);
    sizes.remove(places[1]);
    BOOST_TEST(sizes.largest() == 10U);
    sizes.place(places[0], 10, 0);
    BOOST_TEST(sizes.largest() == 12U);
    sizes.remove(places[2]);
    BOOST_TEST(sizes.largest() == no_slot);
    sizes.place(places[3], 13, SIZE_MAX);
    BOOST_TEST(sizes.largest() == 13U);
    sizes.remove(places[3]);
}

BOOST_AUTO_TEST_CASE(the_classes_tell_the_largest_size_to_within_a_factor_of_two) {
    order sizes;
    size_place small;
    size_place large;
    sizes.place(small, 1, 65);
    BOOST_TEST(std::bit_width(sizes.classes().load()) == 7);
    sizes.place(large, 2, 1024 * 1024);
    BOOST_TEST(std::bit_width(sizes.classes().load()) == 21);
    sizes.remove(large);
    BOOST_TEST(std::bit_width(sizes.classes().load()) == 7);
    sizes.remove(small);
    BOOST_TEST(sizes.classes().load() == 0U);
}

BOOST_AUTO_TEST_CASE(one_of_a_class_may_leave_from_any_place_in_it) {
    for (std::size_t leaves = 0; leaves < 3; ++leaves) {
        order sizes;
        std::vector<size_place> places(3);
        for (std::uint32_t slot = 0; slot < 3; ++slot)
            sizes.place(places[slot], slot, 100 + slot);
        sizes.remove(places[leaves]);
        std::vector<std::uint32_t> left;
        while (sizes.largest() != no_slot) {
            left.push_back(sizes.largest());
            sizes.remove(places[left.back()]);
        }
        std::sort(left.begin(), left.end());
        std::vector<std::uint32_t> wanted{0, 1, 2};
        wanted.erase(wanted.begin() + static_cast<std::ptrdiff_t>(leaves));
        BOOST_TEST(left == wanted, boost::test_tools::per_element());
    }
}

BOOST_AUTO_TEST_CASE(a_random_history_is_that_of_a_simple_model) {
    auto seed = millipede::test::random_seed();
    BOOST_TEST_MESSAGE("size_order: MILLIPEDE_TEST_SEED=" << seed);
    std::mt19937 random{seed};
    order sizes;
    std::vector<size_place> places(50);
    std::vector<std::size_t> model(places.size());
    for (int step = 0; step < 20'000; ++step) {
        auto slot = static_cast<std::uint32_t>(random() % places.size());
        model[slot] = random() % 4 == 0 ? 0 : std::size_t{1} << random() % 40;
        model[slot] += model[slot] == 0 ? 0 : random() % model[slot];
        sizes.place(places[slot], slot, model[slot]);
        auto most = *std::max_element(model.begin(), model.end());
        auto largest = sizes.largest();
        if (most == 0)
            BOOST_REQUIRE(largest == no_slot);
        else
            BOOST_REQUIRE(std::bit_width(model[largest]) == std::bit_width(most));
    }
}

BOOST_AUTO_TEST_SUITE_END()
