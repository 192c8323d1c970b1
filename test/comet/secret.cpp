// SPDX-License-Identifier: BSL-1.0
#include "channels/secret.hpp"

#include <boost/test/unit_test.hpp>

#include <set>
#include <string>

BOOST_AUTO_TEST_SUITE(secret)

using namespace comet;

// By CPython, whose hash of bytes is SipHash-1-3 with a key of zeros when PYTHONHASHSEED is 0.
BOOST_AUTO_TEST_CASE(siphash) {
    BOOST_TEST(siphash13({0, 0}, "a") == 0x407448d2b89b1813U);
    BOOST_TEST(siphash13({0, 0}, "channel") == 0x1f95fbd68d964d36U);
    BOOST_TEST(siphash13({0, 0}, "12345678") == 0x3489982430560a87U);
    BOOST_TEST(siphash13({0, 0}, "a longer name, of 31 characters") == 0xb83c4344fa5f140cU);
    BOOST_TEST(siphash13({0, 1}, "a") != siphash13({0, 0}, "a"));
    BOOST_TEST(siphash13({1, 0}, "a") != siphash13({0, 0}, "a"));
    BOOST_TEST(name_hash("a") == name_hash("a"));
    BOOST_TEST(name_hash("a") != siphash13({0, 0}, "a"));
}

BOOST_AUTO_TEST_CASE(tokens) {
    std::set<std::string> seen;
    for (int count = 0; count < 1000; ++count) {
        auto made = token::make();
        auto text = made.text();
        BOOST_REQUIRE(text.size() == 32U);
        BOOST_REQUIRE(text.find_first_not_of("0123456789abcdef") == std::string::npos);
        BOOST_TEST(seen.insert(text).second);
        BOOST_TEST(made.matches(text));
        BOOST_TEST(!made.matches(text.substr(1)));
        BOOST_TEST(!made.matches(""));
        text.back() = text.back() == '0' ? '1' : '0';
        BOOST_TEST(!made.matches(text));
    }
}

BOOST_AUTO_TEST_SUITE_END()
