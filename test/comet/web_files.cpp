// SPDX-License-Identifier: BSL-1.0
#include "ports/web_files.hpp"

#include <boost/test/unit_test.hpp>

#include <set>
#include <string>

namespace {

using namespace comet;

embedded_file const& file_at(std::string_view path) {
    auto const* found = web_file_at(path);
    BOOST_REQUIRE(found);
    return *found;
}

http_reply reply_to(http_method method, std::string_view known, embedded_file const& file) {
    http_request request;
    request.method = method;
    request.if_none_match = known;
    return web_reply(request, file);
}

} // namespace

BOOST_AUTO_TEST_SUITE(web_files)

BOOST_AUTO_TEST_CASE(each_has_one_place) {
    BOOST_TEST(file_at("/").name == "index.html");
    BOOST_TEST(file_at("/chat").name == "chat.html");
    BOOST_TEST(file_at("/chat.js").name == "chat.js");
    BOOST_TEST(file_at("/comet.js").content_type == "text/javascript; charset=utf-8");
    for (auto const* path : {"", "chat", "/chat.html", "/index.html", "/none", "//", "/../chat"})
        BOOST_TEST(!web_file_at(path), path);
    std::set<std::string_view> tags;
    for (auto const& each : embedded_files())
        tags.insert(each.entity_tag);
    BOOST_TEST(tags.size() == embedded_files().size());
}

BOOST_AUTO_TEST_CASE(all_methods_but_two_are_refused) {
    auto const& file = file_at("/comet.js");
    for (auto method : {http_method::get, http_method::head}) {
        auto answer = reply_to(method, {}, file);
        BOOST_TEST(answer.status == 200);
        BOOST_TEST(answer.body == file.bytes);
        BOOST_TEST(answer.content_type == file.content_type);
    }
    for (auto method : {http_method::post, http_method::put, http_method::remove}) {
        auto answer = reply_to(method, {}, file);
        BOOST_TEST(answer.status == 405);
        BOOST_TEST(answer.fields == "Allow: GET, HEAD\r\n");
        BOOST_TEST(answer.body.empty());
    }
}

BOOST_AUTO_TEST_CASE(what_a_browser_has_is_not_sent_again) {
    auto const& file = file_at("/");
    std::string tag{file.entity_tag};
    for (auto const& known : {tag, "W/" + tag, "\"other\", " + tag, std::string{"*"}})
        BOOST_TEST(reply_to(http_method::get, known, file).status == 304, known);
    for (std::string_view known : {"", "\"other\"", "**"})
        BOOST_TEST(reply_to(http_method::get, known, file).status == 200, known);
}

BOOST_AUTO_TEST_SUITE_END()
