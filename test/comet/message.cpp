// SPDX-License-Identifier: BSL-1.0
#include "channels/message.hpp"

#include <boost/test/unit_test.hpp>

#include <climits>
#include <string>

BOOST_AUTO_TEST_SUITE(message)

using namespace comet;

BOOST_AUTO_TEST_CASE(objects) {
    BOOST_TEST(message_object(message_type::data, "c", 7, "s") ==
               R"({"type":"data","cname":"c","seq":7,"content":"s"})");
    BOOST_TEST(message_object(message_type::bad_token, "", -1, "") ==
               R"({"type":"401","cname":"","seq":-1,"content":""})");
    std::string types;
    for (auto type : {message_type::broadcast, message_type::noop, message_type::next_seq,
                      message_type::close, message_type::too_many, message_type::unsubscribed,
                      message_type::ok, message_type::bad_command, message_type::forbidden,
                      message_type::subscribed, message_type::unavailable})
        types += message_object(type, "\"", 0, "").substr(0, 12);
    BOOST_TEST(types ==
               R"({"type":"bro{"type":"noo{"type":"nex{"type":"clo{"type":"429)"
               R"({"type":"uns{"type":"ok"{"type":"400{"type":"403{"type":"409{"type":"503)");
    BOOST_TEST(message_object(message_type::noop, "a\"\n", 0, "") ==
               R"({"type":"noop","cname":"a\"\n","seq":0,"content":""})");
}

BOOST_AUTO_TEST_CASE(escaping) {
    using namespace std::string_literals;
    BOOST_TEST(json_escaped("a\"b\\c/\r\n\t\x01\x1f\x7f\xc3\xa9") ==
               "a\\\"b\\\\c/\\r\\n\\t\\u0001\\u001f\x7f\xc3\xa9");
    BOOST_TEST(json_escaped("\0"s) == "\\u0000");
    BOOST_TEST(json_completed("a\\\"b\\nc\n\x02") == "a\\\"b\\nc\\n\\u0002");
}

BOOST_AUTO_TEST_CASE(what_is_escaped) {
    for (auto text : {"", "plain", R"(\"\\\/\b\f\n\r\t\u00e9\uD83D)", "a\n\xc3\xa9"})
        BOOST_TEST(is_json_escaped(text), text);
    for (auto text : {"\"", "a\"b", R"(\\")", R"(a\)", R"(\\\)", R"(\x)", R"(\u12)", R"(\u12g4)"})
        BOOST_TEST(!is_json_escaped(text), text);
}

BOOST_AUTO_TEST_CASE(sequences_wrap) {
    BOOST_TEST(distance(1, 3) == 2);
    BOOST_TEST(distance(3, 1) == -2);
    BOOST_TEST(following(INT_MAX) == INT_MIN);
    BOOST_TEST(distance(INT_MAX, INT_MIN) == 1);
    BOOST_TEST(distance(INT_MIN, INT_MAX) == -1);
}

BOOST_AUTO_TEST_SUITE_END()
