// SPDX-License-Identifier: BSL-1.0
#include "wire/query.hpp"

#include <boost/test/unit_test.hpp>

#include <climits>
#include <string>

BOOST_AUTO_TEST_SUITE(query)

using comet::http_method;
using comet::http_request;
using comet::parameters;
using comet::percent_decoded;

BOOST_AUTO_TEST_CASE(percent_codes) {
    BOOST_TEST(percent_decoded("a%20b+c%2B", true) == "a b c+");
    BOOST_TEST(percent_decoded("a%20b+c%2b", false) == "a b+c+");
    for (std::string broken : {"%", "%4", "%zz", "%4z", "x%"})
        BOOST_TEST(percent_decoded(broken, true) == broken);
    BOOST_TEST(percent_decoded("%%41", true) == "%A");
    BOOST_TEST(percent_decoded("%ff", true) == "\xff");
}

BOOST_AUTO_TEST_CASE(the_first_of_a_name_counts_whatever_its_case) {
    parameters given{"cname=a&CNAME=b&seq=3"};
    BOOST_TEST(given.text("cname") == "a");
    BOOST_TEST(given.text("Seq") == "3");
    BOOST_TEST(!given.find("none"));
    BOOST_TEST(!given.find("cnam"));
    BOOST_TEST(!given.find("cname2"));
    BOOST_TEST(given.text("none") == "");
    BOOST_TEST(parameters{"a=&b=1"}.find("a").value() == "");
    BOOST_TEST(parameters{"a=b=c"}.text("a") == "b=c");
    BOOST_TEST(!parameters{"%61=1"}.find("a")); // names are not decoded
}

BOOST_AUTO_TEST_CASE(whole_numbers) {
    auto number = [](std::string const& text) {
        return parameters{"n=" + text}.whole_number("n", 1'000).value_or(UINT_MAX);
    };
    BOOST_TEST(parameters{"m=1"}.whole_number("n", 1'000).value() == 0U);
    BOOST_TEST(number("0") == 0U);
    BOOST_TEST(number("007") == 7U);
    BOOST_TEST(number("1000") == 1'000U);
    for (std::string bad : {"", "1001", "-1", "%2B1", "+1", "1+", "1s", "1.0", "x", "4294967297",
                            "99999999999999999999"})
        BOOST_TEST(number(bad) == UINT_MAX, bad);
}

BOOST_AUTO_TEST_CASE(void_is_not_empty) {
    for (std::string text : {"", "a=b", "a=", "a=b&"})
        BOOST_TEST(!parameters{text}.is_void(), text);
    for (std::string text : {"a", "=", "a=%zz", "a=b&c", "&", "a=<"})
        BOOST_TEST(parameters{text}.is_void(), text);
}

BOOST_AUTO_TEST_CASE(one_bad_item_voids_all) {
    for (std::string query : {"a=1&b", "b&a=1", "a=1&=b", "=&a=1", "a=1&&b=2", "&a=1"})
        BOOST_TEST(!parameters{query}.find("a"), query);
    for (std::string query : {"a=1", "a=1&", "a=1&b=", "b=&a=1"})
        BOOST_TEST(parameters{query}.text("a") == "1", query);
}

BOOST_AUTO_TEST_CASE(bytes_that_no_query_has_void_it) {
    for (int byte = 0; byte < 256; ++byte) {
        auto letter = static_cast<char>(byte);
        bool allowed =
            (letter >= '0' && letter <= '9') || (letter >= 'A' && letter <= 'Z') ||
            (letter >= 'a' && letter <= 'z') ||
            (byte != 0 && std::string_view{"-._~!$'()*+,;:@/?"}.find(letter) != std::string::npos);
        if (letter == '&' || letter == '=' || letter == '%') continue;
        auto query = std::string{"a=1&b="} + letter;
        BOOST_TEST(parameters{query}.find("a").has_value() == allowed, byte);
    }
    BOOST_TEST(!parameters{"a=1&b=%4"}.find("a"));
    BOOST_TEST(parameters{"a=1&b=%4f"}.find("a").has_value());
}

BOOST_AUTO_TEST_CASE(a_posts_body_wins) {
    http_request request;
    request.method = http_method::post;
    request.query = "a=query&b=2";
    request.plain_body = "a=body";
    BOOST_TEST(parameters{request}.text("a") == "body");
    BOOST_TEST(parameters{request}.text("b") == "2");
    request.plain_body = "a=body&junk";
    BOOST_TEST(parameters{request}.text("a") == "query");
    request.plain_body = "a=\"<\xc3\xa9%zz";
    BOOST_TEST(parameters{request}.text("a") == "\"<\xc3\xa9%zz");
    request.joined_body = "a=chunks";
    BOOST_TEST(parameters{request}.text("a") == "chunks");
    request.method = http_method::put;
    BOOST_TEST(parameters{request}.text("a") == "query");
}

BOOST_AUTO_TEST_CASE(values_end_at_a_nul) {
    BOOST_TEST(parameters{"a=x%00y"}.text("a") == "x");
    BOOST_TEST(parameters{"a=%00"}.text("a") == "");
}

BOOST_AUTO_TEST_CASE(numbers_are_read_as_atoi_does) {
    auto number = [](std::string value) { return parameters{"n=" + value}.number("n"); };
    BOOST_TEST(number("17") == 17);
    BOOST_TEST(number("-17") == -17);
    BOOST_TEST(number("%20%2B5x") == 5);
    BOOST_TEST(number("x5") == 0);
    BOOST_TEST(number("") == 0);
    BOOST_TEST(number("2147483648") == INT_MIN);
    BOOST_TEST(number("4294967297") == 1);
    BOOST_TEST(number("99999999999999999999") == -1);
    BOOST_TEST(parameters{""}.number("n") == 0);
}

BOOST_AUTO_TEST_SUITE_END()
