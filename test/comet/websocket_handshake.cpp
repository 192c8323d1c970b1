// SPDX-License-Identifier: BSL-1.0
#include "wire/websocket_handshake.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/test/unit_test.hpp>

#include <string>
#include <string_view>

BOOST_AUTO_TEST_SUITE(websocket_handshakes)

namespace {

// The example of RFC 6455.
constexpr std::string_view good{"GET /ws HTTP/1.1\r\n"
                                "Host: server.example.com\r\n"
                                "Upgrade: websocket\r\n"
                                "Connection: Upgrade\r\n"
                                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                                "Origin: http://example.com\r\n"
                                "Sec-WebSocket-Protocol: chat, superchat\r\n"
                                "Sec-WebSocket-Extensions: permessage-deflate\r\n"
                                "Sec-WebSocket-Version: 13\r\n\r\n"};

comet::websocket_handshake answer(std::string const& request) {
    boost::asio::io_context context;
    return comet::answer_handshake(request, context.get_executor());
}

std::string with(std::string_view what, std::string_view instead) {
    std::string request{good};
    auto at = request.find(what);
    BOOST_REQUIRE(at != std::string::npos);
    return request.replace(at, what.size(), instead);
}

} // namespace

BOOST_AUTO_TEST_CASE(a_good_one) {
    auto made = answer(std::string{good});
    BOOST_TEST(made.status == 101);
    BOOST_TEST(made.reply == "HTTP/1.1 101 Switching Protocols\r\n"
                             "Upgrade: websocket\r\n"
                             "Connection: upgrade\r\n"
                             "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
                             "Server: Millipede\r\n\r\n");
    BOOST_TEST(answer(with("Connection: Upgrade", "Connection: keep-alive, upgrade")).status ==
               101);
    BOOST_TEST(answer(with("Upgrade: websocket", "Upgrade: h2c, WebSocket")).status == 101);
    // What stands behind the head is not looked at.
    BOOST_TEST(answer(with("\r\n\r\n", "\r\nContent-Length: 3\r\n\r\nabc")).status == 101);
}

BOOST_AUTO_TEST_CASE(another_version) {
    for (auto other : {"Sec-WebSocket-Version: 8", "Sec-WebSocket-Version: 14",
                       "Sec-WebSocket-Version: 13, 8", "Sec-WebSocket-Version: x"}) {
        auto made = answer(with("Sec-WebSocket-Version: 13", other));
        BOOST_TEST(made.status == 426, other);
    }
}

BOOST_AUTO_TEST_CASE(what_is_none) {
    BOOST_TEST(answer("").status == 400);
    BOOST_TEST(answer("GET /ws HTTP/1.1\r\n").status == 400);
    BOOST_TEST(answer("GET /ws HTTP/1.1\r\n\r\n").status == 400);
    BOOST_TEST(answer(with("GET", "POST")).status == 400);
    BOOST_TEST(answer(with("HTTP/1.1", "HTTP/1.0")).status == 400);
    for (auto line :
         {"Host: server.example.com\r\n", "Upgrade: websocket\r\n", "Connection: Upgrade\r\n",
          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", "Sec-WebSocket-Version: 13\r\n"})
        BOOST_TEST(answer(with(line, "")).status == 400, line);
    BOOST_TEST(answer(with("Connection: Upgrade", "Connection: close")).status == 400);
    BOOST_TEST(answer(with("Upgrade: websocket", "Upgrade: h2c")).status == 400);
    for (auto key : {"", "x", "dGhlIHNhbXBsZSBub25jZQ=", "dGhlIHNhbXBsZSBub25jZQ===",
                     "dGhlIHNhbXBsZSBub25jZ===", "dGhl!HNhbXBsZSBub25jZQ==",
                     "dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="})
        BOOST_TEST(answer(with("dGhlIHNhbXBsZSBub25jZQ==", key)).status == 400, key);
}

BOOST_AUTO_TEST_SUITE_END()
