// SPDX-License-Identifier: BSL-1.0
#include "framing.hpp"

#include "http_reply.hpp"

#include <boost/test/unit_test.hpp>

#include <string>
#include <vector>

BOOST_AUTO_TEST_SUITE(framings)

namespace {

using namespace comet;

std::string framed(framing frame, std::vector<std::string_view> objects, bool batch = false) {
    std::string text;
    std::vector<framed_message> messages;
    for (auto object : objects)
        messages.push_back({object, 5});
    append_messages(text, frame, messages, batch);
    return text;
}

} // namespace

BOOST_AUTO_TEST_CASE(polls) {
    framing plain{transport::poll, false, {}};
    BOOST_TEST(framed(plain, {"{1}"}) == "{1}\n");
    BOOST_TEST(framed(plain, {"{1}"}, true) == "[{1}]\n");
    BOOST_TEST(framed(plain, {"{1}", "{2}"}) == "[{1},{2}]\n");
    BOOST_TEST(framed(plain, {}) == "");
    BOOST_TEST(framed({transport::poll, false, "f"}, {"{1}"}) == "f({1});\n");
    BOOST_TEST(framed({transport::poll, true, "f"}, {"{1}", "{2}"}, true) ==
               "e\r\nf([{1},{2}]);\n\r\n");
}

BOOST_AUTO_TEST_CASE(endless_ones) {
    BOOST_TEST(framed({transport::stream, false, {}}, {"{1}", "{2}"}, true) == "{1}\n{2}\n");
    BOOST_TEST(framed({transport::stream, true, {}}, {"{1}", "{2}"}) ==
               "4\r\n{1}\n\r\n4\r\n{2}\n\r\n");
    BOOST_TEST(framed({transport::sse, false, {}}, {"{1}"}) == "data: {1}\n\n");
    BOOST_TEST(framed({transport::sse, false, {}, 0x1a}, {"{1}"}) ==
               "id: 5@0000001a\ndata: {1}\n\n");
    BOOST_TEST(framed({transport::iframe, false, {}}, {"{</x><!--<}"}) ==
               "<script>parent.icomet_cb({<\\/x>\\u003c!--<});</script>\n");
}

BOOST_AUTO_TEST_CASE(ends) {
    std::string text;
    append_end(text, {transport::poll, false, {}});
    BOOST_TEST(text == "");
    append_end(text, {transport::poll, true, {}});
    BOOST_TEST(text == "0\r\n\r\n");
}

BOOST_AUTO_TEST_CASE(replies) {
    auto lines_of = [](http_reply const& reply, reply_terms terms) {
        auto text = encode_reply(reply, terms);
        auto date = text.find("Date: ");
        BOOST_REQUIRE(date != std::string::npos);
        return text.erase(date, text.find("\r\n", date) + 2 - date);
    };
    BOOST_TEST(lines_of({.content_type = "t", .body = "b"}, {}) ==
               "HTTP/1.1 200 OK\r\nContent-Type: t\r\nContent-Length: 1\r\n\r\nb");
    BOOST_TEST(lines_of({.body = "b", .from_icomet = true}, {.bodiless = true}) ==
               "HTTP/1.1 200 OK\r\nServer: icomet 0.2.5\r\nContent-Length: 1\r\n\r\n");
    BOOST_TEST(
        lines_of({.status = 405, .reason = "Invalid Method"}, {.chunked = false}) ==
        "HTTP/1.1 405 Invalid Method\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n");
    BOOST_TEST(lines_of({.closes = true}, {}) ==
               "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    BOOST_TEST(lines_of({.status = 204, .fields = "A: b\r\n"}, {}) ==
               "HTTP/1.1 204 No Content\r\nA: b\r\n\r\n");
    BOOST_TEST(encode_reply({.fields = "A: b\r\n"}, {}, "C: d\r\n").find("\r\nA: b\r\nC: d\r\n") !=
               std::string::npos);
    BOOST_TEST(lines_of({}, {.keep_alive = false}) ==
               "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
}

BOOST_AUTO_TEST_SUITE_END()
