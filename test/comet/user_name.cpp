// SPDX-License-Identifier: BSL-1.0
#include "channels/user_name.hpp"

#include <boost/test/unit_test.hpp>

#include <string>

BOOST_AUTO_TEST_SUITE(user_name)

using comet::is_user_name;

BOOST_AUTO_TEST_CASE(what_users_may_be_called) {
    for (std::string good :
         {"", "a", "a b", "\"\\/", "\t\n\x01\x7f", "\xc3\xa9", "\xf0\x9f\x90\x9b"})
        BOOST_TEST(is_user_name(good, 256), good);
    for (std::string bad :
         {"\xff", "a\xc3", "\x80", "\xc0\xaf", "\xed\xa0\x80", "\xf5\x80\x80\x80"})
        BOOST_TEST(!is_user_name(bad, 256), bad);
    BOOST_TEST(is_user_name(std::string(256, 'x'), 256));
    BOOST_TEST(!is_user_name(std::string(257, 'x'), 256));
}

BOOST_AUTO_TEST_SUITE_END()
