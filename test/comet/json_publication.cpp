// SPDX-License-Identifier: BSL-1.0
#include "ports/json_publication.hpp"

#include <boost/test/unit_test.hpp>

#include <string>
#include <utility>
#include <vector>

BOOST_AUTO_TEST_SUITE(json_publication)

using comet::json_publications_max;
using comet::read_broadcasts;
using comet::read_publications;

namespace {

std::string repeated(std::string const& text, std::size_t count) {
    std::string all;
    for (std::size_t number = 0; number < count; ++number)
        all += (number == 0 ? "" : ",") + text;
    return "[" + all + "]";
}

} // namespace

BOOST_AUTO_TEST_CASE(one) {
    auto found = read_publications(R"( {"cname":"a b","content":"x\n\"é\u0001","ttl":7} )", 100);
    BOOST_TEST(found.fault == "");
    BOOST_TEST(!found.is_array);
    BOOST_REQUIRE(found.all.size() == 1U);
    auto const& only = found.all.front();
    BOOST_TEST(only.channel == "a b");
    BOOST_TEST(only.content == R"(x\n\"é\u0001)"); // escaped anew
    BOOST_TEST(only.ttl_seconds == 7U);
    BOOST_TEST(!only.shown_token);
}

BOOST_AUTO_TEST_CASE(several) {
    auto found = read_publications(
        R"([{"content":"1","cname":"a"},{"cname":"","content":"2","token":"t"}])", 9);
    BOOST_TEST(found.fault == "");
    BOOST_TEST(found.is_array);
    BOOST_REQUIRE(found.all.size() == 2U);
    BOOST_TEST(found.all[0].channel == "a");
    BOOST_TEST(found.all[0].ttl_seconds == 0U);
    BOOST_TEST(found.all[1].channel == "");
    BOOST_TEST(found.all[1].shown_token.value() == "t");
    found = read_publications("[]", 9);
    BOOST_TEST(found.fault == "");
    BOOST_TEST(found.is_array);
    BOOST_TEST(found.all.empty());
    auto const item = R"({"cname":"a","content":""})";
    BOOST_TEST(read_publications(repeated(item, json_publications_max), 9).all.size() ==
               json_publications_max);
}

BOOST_AUTO_TEST_CASE(content_that_is_no_string) {
    std::vector<std::pair<std::string, std::string>> const texts{
        {"null", "null"},
        {"true", "true"},
        {"-12", "-12"},
        {"[1, \"a\\\"b\"]", R"([1,\"a\\\"b\"])"},
        {R"({"k": {"x": []}})", R"({\"k\":{\"x\":[]}})"}};
    for (auto const& [given, sent] : texts) {
        auto found = read_publications(R"({"cname":"c","content":)" + given + "}", 9);
        BOOST_TEST(found.fault == "");
        BOOST_TEST(found.all.at(0).content == sent);
    }
}

BOOST_AUTO_TEST_CASE(what_is_wrong) {
    std::vector<std::pair<std::string, std::string>> const texts{
        {"", "the body is not JSON"},
        {"cname=a&content=b", "the body is not JSON"},
        {R"({"cname":"a","content":"b"} x)", "the body is not JSON"},
        {"{\"cname\":\"a\",\"content\":\"\xff\"}", "the body is not JSON"},
        {R"({"cname":"a","content":)" + std::string(40, '[') + std::string(40, ']') + "}",
         "the body is not JSON"},
        {"7", "it is no object"},
        {"{}", "there is no content"},
        {R"({"content":"b"})", "there is no cname"},
        {R"({"cname":"a"})", "there is no content"},
        {R"({"cname":7,"content":"b"})", "cname is no string"},
        {R"({"cname":"0123456789","content":"b"})", "cname is too long"},
        {R"({"cname":"a","content":"b","ttl":-1})", "ttl is no number of seconds"},
        {R"({"cname":"a","content":"b","ttl":1.5})", "ttl is no number of seconds"},
        {R"({"cname":"a","content":"b","ttl":"1"})", "ttl is no number of seconds"},
        {R"({"cname":"a","content":"b","ttl":1000000001})", "ttl is no number of seconds"},
        {R"({"cname":"a","content":"b","token":1})", "token is no string"},
        {R"({"cname":"a","content":"b","Ttl":1})", "the members are cname, content, ttl and token"},
        {R"([{"cname":"a","content":"b"},7])", "at 1: it is no object"},
        {repeated(R"({"cname":"a","content":""})", json_publications_max + 1),
         "there are more than 1000"}};
    for (auto const& [text, fault] : texts)
        BOOST_TEST(read_publications(text, 9).fault == fault);
}

BOOST_AUTO_TEST_CASE(for_all_channels) {
    auto found = read_broadcasts(R"({"content":{"a":1}})");
    BOOST_TEST(found.fault == "");
    BOOST_TEST(found.all.at(0).content == R"({\"a\":1})");
    BOOST_TEST(read_broadcasts(R"([{"content":"a"},{"content":"b"}])").all.size() == 2U);
    BOOST_TEST(read_broadcasts(R"({"content":"a","cname":"b"})").fault ==
               "the only member is content");
    BOOST_TEST(read_broadcasts("{}").fault == "there is no content");
}

BOOST_AUTO_TEST_SUITE_END()
