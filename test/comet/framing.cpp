// SPDX-License-Identifier: BSL-1.0
#include "channels/framing.hpp"

#include "wire/http_reply.hpp"

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

BOOST_AUTO_TEST_CASE(frames) {
    using namespace std::string_literals;
    framing socket{transport::websocket, false, {}};
    BOOST_TEST(framed(socket, {"{1}", "{22}"}, true) == "\x81\x03{1}\x81\x04{22}");
    framing frame{transport::frame, false, {}};
    auto head = [](std::uint16_t size, char command) {
        std::string bytes{"\xf7\x9a\xb6\x8e"};
        bytes += static_cast<char>(size & 0xff);
        bytes += static_cast<char>(size >> 8);
        return bytes + command + "\x63";
    };
    BOOST_TEST(framed(frame, {"{1}", "{22}"}) == head(11, 4) + "{1}" + head(12, 4) + "{22}");
    std::string longest(65'527, 'x');
    BOOST_TEST((framed(frame, {longest}) == head(65'535, 4) + longest));
    BOOST_TEST((framed(frame, {longest + "y"}) == head(65'535, 6) + longest + head(9, 4) + "y"));
    std::string silence;
    append_noop(silence, socket, "c", 5);
    BOOST_TEST(silence == "\x89\x00"s);
    silence.clear();
    append_noop(silence, frame, "c", 5);
    BOOST_TEST(silence == head(8, 5));
}

BOOST_AUTO_TEST_CASE(what_is_framed_is_utf_8) {
    BOOST_TEST(framed({transport::websocket, false, {}}, {"{\xff}"}) == "\x81\x05{\xef\xbf\xbd}");
    BOOST_TEST(framed({transport::stream, false, {}}, {"{\xff}"}) == "{\xff}\n");
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
