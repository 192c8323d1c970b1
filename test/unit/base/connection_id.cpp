// SPDX-License-Identifier: BSL-1.0
#include <millipede/base/connection_id.hpp>

#include <boost/test/unit_test.hpp>

BOOST_AUTO_TEST_SUITE(connection_id)

using millipede::connection_id;

BOOST_AUTO_TEST_CASE(default_names_nobody) {
    BOOST_TEST(!connection_id{});
    BOOST_TEST(connection_id{}.value() == 0U);
}

BOOST_AUTO_TEST_CASE(parts_come_back) {
    connection_id id{255, connection_id::slots_max - 1, 0xffffffffU};
    BOOST_TEST(id.worker() == 255U);
    BOOST_TEST(id.slot() == connection_id::slots_max - 1);
    BOOST_TEST(id.generation() == 0xffffffffU);
    BOOST_TEST((connection_id::from_value(id.value()) == id));
}

BOOST_AUTO_TEST_CASE(another_generation_is_another_name) {
    connection_id first{0, 7, 1};
    connection_id second{0, 7, 2};
    BOOST_TEST((first != second));
    BOOST_TEST((first < second));
    BOOST_TEST(bool{first});
}

BOOST_AUTO_TEST_SUITE_END()
