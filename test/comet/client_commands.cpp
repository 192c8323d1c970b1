// SPDX-License-Identifier: BSL-1.0
#include "ports/client_commands.hpp"

#include <boost/test/unit_test.hpp>

#include <string>
#include <string_view>
#include <vector>

BOOST_AUTO_TEST_SUITE(client_commands)

using comet::client_command;
constexpr std::size_t name_max = 20;

comet::parsed_commands parse_client_commands(std::string_view json) {
    return comet::parse_client_commands(json, name_max);
}

comet::parsed_commands parse_client_command(client_command which, std::string_view json) {
    return comet::parse_client_command(which, json, name_max);
}

BOOST_AUTO_TEST_CASE(all_in_one) {
    auto parsed =
        parse_client_commands(R"({"subscribe":["a",{"cname":"b","seq":5}],"unsubscribe":["c","d"],)"
                              R"("publish":{"cname":"e","content":"x\n","ttl":60,"token":"t"}})");
    BOOST_REQUIRE(parsed.found);
    BOOST_TEST(parsed.is_json);
    BOOST_TEST(parsed.why == "");
    auto const& commands = *parsed.found;
    BOOST_REQUIRE(commands.subscribe.size() == 2U);
    BOOST_TEST(commands.subscribe[0].cname == "a");
    BOOST_TEST(commands.subscribe[1].cname == "b");
    BOOST_TEST(commands.subscribe[1].seq == 5);
    BOOST_TEST(commands.unsubscribe == (std::vector<std::string>{"c", "d"}),
               boost::test_tools::per_element());
    BOOST_REQUIRE(commands.publish);
    BOOST_TEST(commands.publish->cname == "e");
    BOOST_TEST(commands.publish->content == "x\n");
    BOOST_TEST(commands.publish->ttl_seconds == 60U);
    BOOST_TEST(commands.publish->token == "t");
}

BOOST_AUTO_TEST_CASE(what_may_be_left_out) {
    auto nothing = parse_client_commands("{}");
    BOOST_REQUIRE(nothing.found);
    BOOST_TEST(nothing.found->subscribe.empty());
    BOOST_TEST(nothing.found->unsubscribe.empty());
    BOOST_TEST(!nothing.found->publish);
    BOOST_TEST(parse_client_commands(R"({"subscribe":[],"unsubscribe":[]})").found.has_value());
    auto bare = parse_client_commands(R"({"publish":{"cname":"","content":""}})").found;
    BOOST_REQUIRE(bare);
    BOOST_TEST(bare->publish->ttl_seconds == 0U);
    BOOST_TEST(bare->publish->token == "");
}

BOOST_AUTO_TEST_CASE(one_alone) {
    auto items = parse_client_command(client_command::subscribe, R"(["a","b"])").found;
    BOOST_REQUIRE(items);
    BOOST_TEST(items->subscribe.size() == 2U);
    auto names = parse_client_command(client_command::unsubscribe, R"(["a"])").found;
    BOOST_REQUIRE(names);
    BOOST_TEST(names->unsubscribe.front() == "a");
    auto message =
        parse_client_command(client_command::publish, R"({"cname":"c","content":"x"})").found;
    BOOST_REQUIRE(message);
    BOOST_TEST(message->publish->content == "x");
    auto wrong = parse_client_command(client_command::unsubscribe, R"([1])");
    BOOST_TEST(!wrong.found);
    BOOST_TEST(wrong.why == "unsubscribe: not an array of names");
    BOOST_TEST(!parse_client_command(client_command::subscribe, R"({"subscribe":[]})").found);
}

BOOST_AUTO_TEST_CASE(what_is_no_json) {
    for (auto const& text : std::vector<std::string>{
             "", "{", R"({"subscribe":["a"]}x)", "{'a':1}", "{\"subscribe\":[\"\xff\"]}",
             R"({"subscribe":["a",]})", std::string(60'000, '['), R"([[[[1]]]])",
             R"({"publish":{"cname":"a","content":{"a":{}}}})"}) {
        auto parsed = parse_client_commands(text);
        BOOST_TEST(!parsed.found, text.substr(0, 80));
        BOOST_TEST(!parsed.is_json, text.substr(0, 80));
        BOOST_TEST(parsed.why == "not JSON");
    }
}

BOOST_AUTO_TEST_CASE(what_is_no_command) {
    struct wrong_command {
        std::string text;
        std::string why;
    };
    for (auto const& [text, why] : std::vector<wrong_command>{
             {"[]", "not an object"},
             {"1", "not an object"},
             {"null", "not an object"},
             {R"({"subscribe":["a"],"x":1})", "unknown command"},
             {R"({"Subscribe":["a"]})", "unknown command"},
             {R"({"subscribe":"a"})", "subscribe: not an array of channels"},
             {R"({"subscribe":[{"seq":1}]})", "subscribe: not an array of channels"},
             {R"({"unsubscribe":"a"})", "unsubscribe: not an array of names"},
             {R"({"unsubscribe":[{"cname":"a"}]})", "unsubscribe: not an array of names"},
             {R"({"publish":["a"]})", "publish: not a message"},
             {R"({"publish":{}})", "publish: not a message"},
             {R"({"publish":{"cname":"a"}})", "publish: not a message"},
             {R"({"publish":{"content":"a"}})", "publish: not a message"},
             {R"({"publish":{"cname":1,"content":"a"}})", "publish: not a message"},
             {R"({"publish":{"cname":"a","content":1}})", "publish: not a message"},
             {R"({"publish":{"cname":"a","content":"b","ttl":-1}})", "publish: not a message"},
             {R"({"publish":{"cname":"a","content":"b","ttl":1000000001}})",
              "publish: not a message"},
             {R"({"publish":{"cname":"a","content":"b","ttl":"1"}})", "publish: not a message"},
             {R"({"publish":{"cname":"a","content":"b","token":1}})", "publish: not a message"},
             {R"({"publish":{"cname":"a","content":"b","x":1}})", "publish: not a message"}}) {
        auto parsed = parse_client_commands(text);
        BOOST_TEST(!parsed.found, text);
        BOOST_TEST(parsed.is_json, text);
        BOOST_TEST(parsed.why == why, text);
    }
    BOOST_TEST(parse_client_commands(R"({"publish":{"cname":"a","content":"b","ttl":1000000000}})")
                   .found.has_value());
}

BOOST_AUTO_TEST_CASE(names_have_a_limit) {
    std::string name(name_max, 'x');
    for (auto const& form :
         std::vector<std::string>{R"({"subscribe":["%"]})", R"({"subscribe":["a",{"cname":"%"}]})",
                                  R"({"publish":{"cname":"%","content":""}})"}) {
        auto with = [&](std::string const& text) {
            auto at = form.find('%');
            return parse_client_commands(form.substr(0, at) + text + form.substr(at + 1));
        };
        BOOST_TEST(with(name).found.has_value(), form);
        BOOST_TEST(!with(name + "x").found, form);
        BOOST_TEST(with(name + "x").why == "a channel's name is too long", form);
    }
    // Of such a name there is none to be unsubscribed from.
    BOOST_TEST(parse_client_commands(R"({"unsubscribe":["x)" + name + R"("]})").found.has_value());
}

BOOST_AUTO_TEST_SUITE_END()
