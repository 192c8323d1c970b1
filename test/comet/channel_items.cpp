// SPDX-License-Identifier: BSL-1.0
#include "channels/channel_items.hpp"

#include <boost/test/unit_test.hpp>

#include <climits>
#include <string>
#include <tuple>
#include <vector>

BOOST_AUTO_TEST_SUITE(channel_items)

using comet::parse_channel_items;

BOOST_AUTO_TEST_CASE(a_name_alone_or_an_object) {
    auto items = parse_channel_items(
        R"(["a",{"cname":"b","seq":-7,"token":"t","epoch":"0011aabb","presence":true},)"
        R"({"seq":2147483647,"cname":""},{"cname":"d","epoch":""}])",
        4);
    BOOST_REQUIRE(items);
    BOOST_REQUIRE(items->size() == 4U);
    auto const& [first, second, third, fourth] =
        std::tie((*items)[0], (*items)[1], (*items)[2], (*items)[3]);
    BOOST_TEST(first.cname == "a");
    BOOST_TEST(first.seq == 0);
    BOOST_TEST(first.token == "");
    BOOST_TEST(!first.epoch.has_value());
    BOOST_TEST(!first.presence);
    BOOST_TEST(second.cname == "b");
    BOOST_TEST(second.seq == -7);
    BOOST_TEST(second.token == "t");
    BOOST_TEST(second.epoch.value() == "0011aabb");
    BOOST_TEST(second.presence);
    BOOST_TEST(third.cname == "");
    BOOST_TEST(third.seq == INT_MAX);
    BOOST_TEST(fourth.epoch.value() == "");
}

BOOST_AUTO_TEST_CASE(names_are_text) {
    auto items = parse_channel_items(" [ \"\\u00e9\\n\\\"\" , \"\xc3\xa9\" ] \n", 2);
    BOOST_REQUIRE(items);
    BOOST_TEST((*items)[0].cname == "\xc3\xa9\n\"");
    BOOST_TEST((*items)[1].cname == "\xc3\xa9");
}

BOOST_AUTO_TEST_CASE(so_many_and_no_more) {
    BOOST_TEST(parse_channel_items(R"(["a","a"])", 2)->size() == 2U);
    BOOST_TEST(!parse_channel_items(R"(["a","a","b"])", 2));
    BOOST_TEST(!parse_channel_items("[]", 2));
    BOOST_TEST(!parse_channel_items(R"(["a"])", 0));
}

BOOST_AUTO_TEST_CASE(what_is_no_list_of_items) {
    for (auto const& text : std::vector<std::string>{
             "",
             " ",
             "x",
             "[",
             R"(["a")",
             R"(["a"]])",
             R"(["a"]x)",
             R"(["a",])",
             "['a']",
             "null",
             R"("a")",
             R"({"cname":"a"})",
             "[1]",
             "[null]",
             "[true]",
             R"([["a"]])",
             "[{}]",
             R"([{"seq":1}])",
             R"([{"cname":1}])",
             R"([{"cname":null}])",
             R"([{"cname":"a","seq":"1"}])",
             R"([{"cname":"a","seq":1.0}])",
             R"([{"cname":"a","seq":1e0}])",
             R"([{"cname":"a","seq":2147483648}])",
             R"([{"cname":"a","seq":-2147483649}])",
             R"([{"cname":"a","seq":99999999999999999999}])",
             R"([{"cname":"a","token":1}])",
             R"([{"cname":"a","epoch":null}])",
             R"([{"cname":"a","presence":1}])",
             R"([{"cname":"a","Seq":1}])",
             R"([{"cname":"a","x":1}])",
             R"([{"cname":{"cname":"a"}}])",
             "[\"\xff\"]",
             "[\"\xc0\x80\"]",
             "[\"a\nb\"]",
             R"(["\ud800"])",
             std::string(100'000, '['),
         })
        BOOST_TEST(!parse_channel_items(text, 64), text.substr(0, 80));
    BOOST_TEST(parse_channel_items(R"([{"cname":"a","seq":-2147483648}])", 64)->front().seq ==
               INT_MIN);
}

BOOST_AUTO_TEST_CASE(of_two_members_the_last_counts) {
    auto items = parse_channel_items(R"([{"cname":"a","seq":1,"cname":"b","seq":2}])", 1);
    BOOST_REQUIRE(items);
    BOOST_TEST(items->front().cname == "b");
    BOOST_TEST(items->front().seq == 2);
}

BOOST_AUTO_TEST_SUITE_END()
