// SPDX-License-Identifier: BSL-1.0
#include <load/json_writer.hpp>

#include <boost/test/unit_test.hpp>

#include <cstdint>

BOOST_AUTO_TEST_SUITE(json_writer)

BOOST_AUTO_TEST_CASE(nothing_is_an_empty_object) {
    BOOST_TEST(load::json_writer{}.finish() == "{}");
}

BOOST_AUTO_TEST_CASE(members_stand_in_their_order_with_commas_between_them) {
    load::json_writer json;
    json.text("name", "echo");
    json.whole("largest", UINT64_MAX);
    json.number("half", 0.5);
    json.number("exact", 1.25, 9);
    json.truth("yes", true);
    json.truth("no", false);
    BOOST_TEST(json.finish() == R"({"name":"echo","largest":18446744073709551615,"half":0.500,)"
                                R"("exact":1.250000000,"yes":true,"no":false})");
}

BOOST_AUTO_TEST_CASE(objects_nest) {
    load::json_writer json;
    json.begin("outer");
    json.begin("empty");
    json.end();
    json.begin("inner");
    json.whole("a", 1);
    json.whole("b", 2);
    json.end();
    json.whole("after", 3);
    json.end();
    json.whole("last", 4);
    BOOST_TEST(json.finish() ==
               R"({"outer":{"empty":{},"inner":{"a":1,"b":2},"after":3},"last":4})");
}

BOOST_AUTO_TEST_CASE(text_is_escaped) {
    load::json_writer json;
    json.text("a \"key\"", "quote \" backslash \\ newline \n null-like \x01 end");
    BOOST_TEST(json.finish() == R"({"a \"key\"":"quote \" backslash \\ newline \u000a null-like )"
                                R"(\u0001 end"})");
}

BOOST_AUTO_TEST_SUITE_END()
