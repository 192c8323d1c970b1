// SPDX-License-Identifier: BSL-1.0
#include <millipede/admin/json_text.hpp>

#include <boost/test/unit_test.hpp>

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>

BOOST_AUTO_TEST_SUITE(json_text)

using text_type = millipede::detail::json_text;

namespace {

template <class T>
std::string of(T value) {
    return std::move(text_type{}.value(value)).take();
}

} // namespace

BOOST_AUTO_TEST_CASE(members_and_elements_are_separated) {
    text_type text;
    text.begin_object().member("a", 1).key("b").begin_array().value(true).null().begin_object();
    text.end_object().value("x").end_array().member("c", false).key("d").begin_array().end_array();
    text.end_object();
    BOOST_TEST(std::move(text).take() == R"({"a":1,"b":[true,null,{},"x"],"c":false,"d":[]})");
}

BOOST_AUTO_TEST_CASE(numbers) {
    BOOST_TEST(of(std::uint64_t{18'446'744'073'709'551'615U}) == "18446744073709551615");
    BOOST_TEST(of(-3) == "-3");
    BOOST_TEST(of(0.25) == "0.25");
    BOOST_TEST(of(0.0) == "0");
    BOOST_TEST(of(std::nan("")) == "null");
    BOOST_TEST(of(std::numeric_limits<double>::infinity()) == "null");
}

BOOST_AUTO_TEST_CASE(what_has_to_be_escaped) {
    using namespace std::string_view_literals;
    BOOST_TEST(of("a\"b\\c\n\t\x01\x1f\0z"sv) == R"("a\"b\\c\n\u0009\u0001\u001f\u0000z")");
}

BOOST_AUTO_TEST_CASE(well_formed_utf_8_stays) {
    for (std::string text :
         {"\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x90\x9b", "\xed\x9f\xbf", "\xf4\x8f\xbf\xbf"})
        BOOST_TEST(of(std::string_view{text}) == "\"" + text + "\"");
}

BOOST_AUTO_TEST_CASE(what_is_no_utf_8_is_replaced) {
    std::string const instead{"\xef\xbf\xbd"};
    auto replaced = [&](std::string const& text) {
        std::string wanted{"\""};
        for (std::size_t count = 0; count < text.size(); ++count)
            wanted += instead;
        return of(std::string_view{text}) == wanted + "\"";
    };
    BOOST_TEST(replaced("\xff"));
    BOOST_TEST(replaced("\x80"));
    BOOST_TEST(replaced("\xc0\x80"));         // too long
    BOOST_TEST(replaced("\xe0\x80\x80"));     // the same
    BOOST_TEST(replaced("\xf0\x80\x80\x80")); // the same
    BOOST_TEST(replaced("\xed\xa0\x80"));     // half of a pair
    BOOST_TEST(replaced("\xf4\x90\x80\x80")); // beyond the last
    BOOST_TEST(replaced("\xf5\x80\x80\x80"));
    BOOST_TEST(replaced("\xe2\x82")); // ends early
    BOOST_TEST(of(std::string_view{"\xc3z"}) == "\"" + instead + "z\"");
}

BOOST_AUTO_TEST_SUITE_END()
