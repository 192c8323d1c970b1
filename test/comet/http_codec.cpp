// SPDX-License-Identifier: BSL-1.0
#include "wire/http_codec.hpp"

#include <millipede/base/connection_id.hpp>

#include <boost/test/unit_test.hpp>

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

BOOST_AUTO_TEST_SUITE(http)

namespace {

using comet::http_codec;
using comet::http_exchange;
using comet::http_method;
using comet::http_request;
using kind = comet::http_request::kind;
using status = millipede::decode_result::status;

constexpr std::string_view simple{"GET /sub?cname=a HTTP/1.1\r\nHost: x\r\n\r\n"};
constexpr std::string_view with_body{
    "POST /push HTTP/1.1\r\nContent-Length: 11\r\n\r\ncname=a&b=c"};
constexpr std::string_view with_chunks{
    "POST /push HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    "6\r\ncname=\r\n005;x=y\r\na&b=c\r\n0\r\nTrailer: t\r\n\r\n"};

// What the codec says of the front of a text, whose request points into it.
struct decoded {
    millipede::decode_result result;
    http_request request;
};

decoded decode(std::string_view text, http_codec const& codec = http_codec{}) {
    decoded made{};
    made.result = codec.decode(millipede::as_bytes(text), made.request);
    return made;
}

decoded decode(std::string_view text, http_exchange& exchange) {
    decoded made{};
    made.result = http_codec{}.decode(millipede::as_bytes(text), made.request, exchange);
    return made;
}

bool is_whole(decoded const& found) {
    return found.result.found == status::complete && found.request.what == kind::whole;
}

int refusal(std::string_view text, http_codec const& codec = http_codec{}) {
    auto found = decode(text, codec);
    if (found.result.found != status::complete || found.request.what != kind::refused) return 0;
    return found.request.status;
}

} // namespace

BOOST_AUTO_TEST_CASE(a_request) {
    auto found = decode(simple);
    BOOST_REQUIRE(is_whole(found));
    BOOST_TEST(found.result.size == simple.size());
    BOOST_TEST((found.request.method == http_method::get));
    BOOST_TEST(found.request.path == "/sub");
    BOOST_TEST(found.request.query == "cname=a");
    BOOST_TEST(found.request.body() == "");
    BOOST_TEST(found.request.raw == simple);
    BOOST_TEST(found.request.terms.keep_alive);
    BOOST_TEST(found.request.terms.chunked);
    BOOST_TEST(!found.request.terms.bodiless);
}

BOOST_AUTO_TEST_CASE(a_prefix_is_incomplete_and_what_follows_is_left) {
    for (auto text : {simple, with_body, with_chunks}) {
        for (std::size_t size = 0; size < text.size(); ++size) {
            auto found = decode(text.substr(0, size));
            BOOST_TEST((found.result.found == status::incomplete), text.substr(0, size));
            BOOST_TEST((found.result.size == 0 || found.result.size > size));
            BOOST_TEST(found.result.size <= text.size());
        }
        std::string two{text};
        two += simple;
        auto found = decode(two);
        BOOST_REQUIRE(is_whole(found));
        BOOST_TEST(found.result.size == text.size());
    }
}

BOOST_AUTO_TEST_CASE(bodies) {
    BOOST_TEST(decode(with_body).request.body() == "cname=a&b=c");
    BOOST_TEST(decode(with_chunks).request.body() == "cname=a&b=c");
    auto begun = decode(with_body.substr(0, with_body.size() - 3));
    BOOST_TEST(begun.result.size == with_body.size()); // it is not asked again before
}

BOOST_AUTO_TEST_CASE(methods) {
    std::vector<std::pair<std::string, http_method>> const served{
        {"GET", http_method::get},       {"POST", http_method::post},
        {"HEAD", http_method::head},     {"PUT", http_method::put},
        {"DELETE", http_method::remove}, {"OPTIONS", http_method::options}};
    for (auto const& [name, method] : served) {
        auto text = name + " / HTTP/1.1\r\n\r\n";
        auto found = decode(text);
        BOOST_REQUIRE(is_whole(found));
        BOOST_TEST((found.request.method == method), name);
        BOOST_TEST(found.request.terms.bodiless == (name == "HEAD"));
    }
    for (std::string name : {"PATCH", "TRACE", "CONNECT", "BREW", "get"})
        BOOST_TEST(refusal(name + " /x HTTP/1.1\r\n\r\n") == 501, name);
}

BOOST_AUTO_TEST_CASE(bodies_of_json) {
    auto is_json = [](std::string const& type) {
        return decode("POST / HTTP/1.1\r\nContent-Type: " + type +
                      "\r\nContent-Length: 2\r\n\r\n{}")
            .request.is_json;
    };
    for (std::string type : {"application/json", "Application/JSON", "application/json;x=y",
                             "application/json ; charset=utf-8"})
        BOOST_TEST(is_json(type), type);
    for (std::string type : {"", "application/jsonx", "text/json", "x-application/json", ";"})
        BOOST_TEST(!is_json(type), type);
    BOOST_TEST(!decode("POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}").request.is_json);
}

BOOST_AUTO_TEST_CASE(what_goes_on) {
    auto goes_on = [](std::string text) { return decode(text).request.terms.keep_alive; };
    BOOST_TEST(goes_on("GET / HTTP/1.1\r\n\r\n"));
    BOOST_TEST(!goes_on("GET / HTTP/1.1\r\nConnection: close\r\n\r\n"));
    BOOST_TEST(!goes_on("GET / HTTP/1.0\r\n\r\n"));
    BOOST_TEST(goes_on("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"));
    BOOST_TEST(!goes_on("GET http://x/ HTTP/1.1\r\n\r\n"));
    BOOST_TEST(!decode("GET / HTTP/1.0\r\n\r\n").request.terms.chunked);
}

BOOST_AUTO_TEST_CASE(targets) {
    auto parts = [](std::string target) {
        auto text = "GET " + target + " HTTP/1.1\r\n\r\n";
        auto found = decode(text);
        return std::string{found.request.path} + "|" + std::string{found.request.query};
    };
    BOOST_TEST(parts("/a?b?c") == "/a|b?c");
    BOOST_TEST(parts("/a?") == "/a|");
    BOOST_TEST(parts("/a") == "/a|");
    BOOST_TEST(parts("/a?b#c") == "/a|b");
    BOOST_TEST(parts("http://host:1/a?b") == "/a|b");
    BOOST_TEST(parts("http://host") == "/|");
    BOOST_TEST(parts("http://host?b") == "|b");
    for (std::string target : {"a", "*", "host:80"})
        BOOST_TEST(refusal("GET " + target + " HTTP/1.1\r\n\r\n") == 400, target);
}

BOOST_AUTO_TEST_CASE(limits) {
    http_codec small{{.head_max = 64, .body_max = 10, .chunks_max = 3}};
    auto get = [](std::size_t size) { // in all
        std::string text{"GET / HTTP/1.1\r\nx: "};
        return text + std::string(size - text.size() - 4, 'y') + "\r\n\r\n";
    };
    BOOST_TEST(refusal(get(64), small) == 0);
    BOOST_TEST(refusal(get(65), small) == 431);
    BOOST_TEST(refusal("GET /" + std::string(58, 'x'), small) == 0);
    BOOST_TEST(refusal("GET /" + std::string(59, 'x'), small) == 414);
    std::string post{"POST / HTTP/1.1\r\nContent-Length: "};
    BOOST_TEST(is_whole(decode(post + "10\r\n\r\n0123456789", small)));
    BOOST_TEST(refusal(post + "11\r\n\r\n", small) == 413);
    std::string chunked{"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"};
    BOOST_TEST(is_whole(decode(chunked + "a\r\n0123456789\r\n0\r\n\r\n", small)));
    BOOST_TEST(refusal(chunked + "a\r\n0123456789\r\n1\r\n", small) == 413);
    BOOST_TEST(is_whole(decode(chunked + "1\r\na\r\n1\r\nb\r\n0\r\n\r\n", small)));
    BOOST_TEST(refusal(chunked + "1\r\na\r\n1\r\nb\r\n1\r\nc\r\n0\r\n\r\n", small) == 413);
    auto long_extension = chunked + "1;" + std::string(small.size_max(), 'x');
    BOOST_TEST(refusal(long_extension, small) == 413);
    BOOST_TEST(refusal(long_extension + "\r\na\r\n0\r\n\r\n", small) == 413);
}

// What comes of a chunk bit by bit is not looked at before the chunk, and a last one, may be whole.
BOOST_AUTO_TEST_CASE(how_much_of_a_chunked_body_is_missing) {
    std::string head{"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"};
    auto needed = [&](std::string const& body, http_codec const& codec = http_codec{}) {
        auto found = decode(head + body, codec).result;
        BOOST_TEST((found.found == status::incomplete));
        return static_cast<int>(found.size) - static_cast<int>(head.size());
    };
    int unknown = -static_cast<int>(head.size());
    int end = 7; // "\r\n0\r\n\r\n"
    BOOST_TEST(needed("") == unknown);
    BOOST_TEST(needed("14") == unknown);
    BOOST_TEST(needed("14\r\n") == 4 + 20 + end);
    BOOST_TEST(needed("14\r\n0123456789") == 4 + 20 + end);
    BOOST_TEST(needed("14\r\n0123456789012345678") == 4 + 20 + end);
    BOOST_TEST(needed("14\r\n01234567890123456789") == unknown);
    BOOST_TEST(needed("1\r\nx\r\n14;a=b\r\n0") == 14 + 20 + end);
    BOOST_TEST(is_whole(decode(head + "3\r\n012\r\n0\r\n\r\n"))); // the least that it may be
    // No more than there may be at all, which the engine would refuse to wait for.
    http_codec small{{.head_max = 64, .body_max = 80, .chunks_max = 0}};
    BOOST_TEST(refusal(head + "50\r\n", small) == 413);
    http_codec tight{{.head_max = 64, .body_max = 80, .chunks_max = 1}};
    BOOST_TEST(needed("50\r\n", tight) == 4 + 80 + end);
}

BOOST_AUTO_TEST_CASE(blank_lines_come_first) {
    auto found = decode("\r\nGET");
    BOOST_TEST((found.result.found == status::skipped));
    BOOST_TEST(found.result.size == 2U);
    BOOST_TEST((decode("\r").result.found == status::incomplete));
    BOOST_TEST(refusal("\n") == 400);
    BOOST_TEST(refusal("\rG") == 400);
}

BOOST_AUTO_TEST_CASE(behind_an_unanswered_request_nothing_is_looked_at) {
    http_exchange exchange{.busy = true};
    auto found = decode("what\x01"
                        "ever",
                        exchange);
    BOOST_TEST((found.result.found == status::complete));
    BOOST_TEST(found.result.size == 0U);
    BOOST_TEST((found.request.what == kind::behind));
    BOOST_TEST((decode("", exchange).result.found == status::incomplete));
    exchange.endless = true;
    found = decode("what\x01"
                   "ever",
                   exchange);
    BOOST_TEST((found.result.found == status::skipped));
    BOOST_TEST(found.result.size == 9U);
}

BOOST_AUTO_TEST_CASE(continue_is_said_once) {
    for (std::string length : {"Content-Length: 3", "Transfer-Encoding: chunked"}) {
        http_exchange exchange;
        auto head = "POST / HTTP/1.1\r\nExpect: 100-Continue\r\n" + length + "\r\n\r\n";
        auto found = decode(head, exchange);
        BOOST_TEST((found.request.what == kind::wants_continue));
        BOOST_TEST(found.result.size == 0U);
        BOOST_TEST((decode(head, exchange).result.found == status::incomplete));
        auto whole = head + (length.front() == 'C' ? "abc" : "3\r\nabc\r\n0\r\n\r\n");
        found = decode(whole, exchange);
        BOOST_TEST(is_whole(found));
        BOOST_TEST(found.request.body() == "abc");
        // The next one is asked for anew; and not when the body is there.
        BOOST_TEST((decode(head, exchange).request.what == kind::wants_continue));
        exchange = {};
        BOOST_TEST(is_whole(decode(whole, exchange)));
    }
    // HTTP/1.0 knows no such thing.
    http_exchange exchange;
    auto found =
        decode("POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n", exchange);
    BOOST_TEST((found.result.found == status::incomplete));
}

BOOST_AUTO_TEST_CASE(a_refusal_takes_all_there_is) {
    auto found = decode("BREW /pot HTTP/1.1\r\n\r\nand more");
    BOOST_TEST(found.result.size == 30U);
    BOOST_TEST(found.request.status == 501);
    BOOST_TEST(!found.request.terms.keep_alive);
}

BOOST_AUTO_TEST_CASE(frames_once_it_is_a_websocket) {
    http_exchange exchange{.busy = true, .endless = true, .is_websocket = true};
    auto found = decode("\x81\x81mask\x16more", exchange); // "{", masked by 'm'
    BOOST_TEST((found.request.what == http_request::kind::frame));
    BOOST_TEST(found.result.size == 7U);
    BOOST_TEST(found.request.frame.data == "{");
    found = decode("GET / HTTP/1.1\r\n\r\n", exchange);
    BOOST_TEST((found.request.what == http_request::kind::bad_frame));
    BOOST_TEST((found.request.fault == comet::close_code::protocol_error));
    found = decode("\x81", exchange);
    BOOST_TEST((found.result.found == status::incomplete));
    BOOST_TEST(found.result.size == 2U);

    http_codec small{
        {.head_max = 256, .body_max = 0, .chunks_max = 0, .websocket_message_max = 1'000}};
    BOOST_TEST(small.size_max() == 1'014U);
    http_request request;
    auto result = small.decode(millipede::as_bytes("\x81\xfe\x03\xe9"), request, exchange);
    BOOST_TEST((result.found == status::complete));
    BOOST_TEST((request.fault == comet::close_code::too_large));
}

BOOST_AUTO_TEST_CASE(limits_that_change) {
    struct by_worker final : http_codec::changing_limits {
        http_codec::limits const& http_limits(std::uint32_t worker) const noexcept override {
            return most.at(worker);
        }
        std::array<http_codec::limits, 2> most{};
    } in_force;
    struct session : http_exchange {
        millipede::connection_id id{1, 0, 0};
    } peer;
    http_codec codec{in_force.most[0], in_force};
    std::string_view post{"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody"};
    auto status_now = [&] {
        http_request request;
        codec.decode(millipede::as_bytes(post), request, peer);
        return request.what == kind::whole ? 200 : request.status;
    };
    BOOST_TEST(status_now() == 200);
    in_force.most[0].body_max = 3; // another worker's
    BOOST_TEST(status_now() == 200);
    in_force.most[1].body_max = 3;
    BOOST_TEST(status_now() == 413);
    in_force.most[1].body_max = 4;
    BOOST_TEST(status_now() == 200);
    in_force.most[1].head_max = 20;
    BOOST_TEST(status_now() == 431);
    BOOST_TEST(refusal(post, codec) == 0); // without a connection: those at first
}

BOOST_AUTO_TEST_SUITE_END()
