// SPDX-License-Identifier: BSL-1.0
#include "wire/utf8.hpp"

#include <boost/test/unit_test.hpp>

#include <string>
#include <string_view>
#include <vector>

BOOST_AUTO_TEST_SUITE(utf8)

using comet::as_utf8;
using comet::is_utf8;
using namespace std::string_literals;

BOOST_AUTO_TEST_CASE(what_is_and_what_is_not) {
    for (auto const& good :
         std::vector<std::string>{"", "abc\x7f", "\0"s, "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80",
                                  "\xed\x9f\xbf", "\xee\x80\x80", "\xef\xbf\xbf",
                                  "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf", "x\xe2\x82\xacy"})
        BOOST_TEST(is_utf8(good), good);
    for (auto const& bad : std::vector<std::string>{
             "\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc2", "\xc2x", "\xc2\xc2", "\xe0\x9f\xbf",
             "\xe2\x82", "\xed\xa0\x80", "\xed\xbf\xbf", "\xf0\x8f\xbf\xbf", "\xf0\x90\x80",
             "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xf8\x88\x80\x80\x80", "\xfe", "\xff",
             "x\xff"})
        BOOST_TEST(!is_utf8(bad));
}

BOOST_AUTO_TEST_CASE(nothing_behind_its_end_is_looked_at) {
    for (std::string_view whole : {"\xc2\x80", "\xe2\x82\xac", "\xf0\x9f\x98\x80"})
        for (std::size_t size = 1; size < whole.size(); ++size)
            BOOST_TEST(!is_utf8(whole.substr(0, size)));
}

BOOST_AUTO_TEST_CASE(made_of_anything) {
    BOOST_TEST(as_utf8("") == "");
    BOOST_TEST(as_utf8("a\xc3\xa9\xf0\x9f\x98\x80") == "a\xc3\xa9\xf0\x9f\x98\x80");
    BOOST_TEST(as_utf8("a\xff\"b") == "a\xef\xbf\xbd\"b");
    BOOST_TEST(as_utf8("\xe2\x82") == "\xef\xbf\xbd\xef\xbf\xbd");
    BOOST_TEST(as_utf8("\xe2\x82\xe2\x82\xac") == "\xef\xbf\xbd\xef\xbf\xbd\xe2\x82\xac");
    for (int first = 0; first < 256; ++first)
        for (int second = 0; second < 256; ++second) {
            std::string bytes{static_cast<char>(first), static_cast<char>(second), 'x'};
            BOOST_REQUIRE_MESSAGE(is_utf8(as_utf8(bytes)), first << " " << second);
        }
}

BOOST_AUTO_TEST_SUITE_END()
