// SPDX-License-Identifier: BSL-1.0
#include <millipede/worker/hello_meter.hpp>

#include "support/wire.hpp"

#include <boost/test/unit_test.hpp>

#include <string>
#include <string_view>

BOOST_AUTO_TEST_SUITE(hello_meter)

namespace {

using meter = millipede::detail::hello_meter;

constexpr char alert = 21;
constexpr char handshake = 22;
constexpr char application = 23;
constexpr char hello = 1;
constexpr char finished = 20;

std::string big(std::size_t number, int bytes) {
    std::string text;
    while (bytes > 0)
        text += static_cast<char>(number >> 8 * --bytes);
    return text;
}
std::string record(char type, std::string const& content) {
    return type + std::string{"\3\1"} + big(content.size(), 2) + content;
}
// What a message begins with.
std::string head(char type, std::size_t size) {
    return type + big(size, 3);
}
std::string message(char type, std::size_t size) {
    return head(type, size) + std::string(size, 'x');
}
// In records of so many bytes.
std::string in_records(std::string_view content, std::size_t size) {
    std::string all;
    for (std::size_t at = 0; at < content.size(); at += size)
        all += record(handshake, std::string{content.substr(at, size)});
    return all;
}
bool admitted(std::string_view stream, std::size_t piece = SIZE_MAX) {
    meter subject;
    for (std::size_t at = 0; at < stream.size();) {
        auto some = stream.substr(at, piece);
        if (!subject.admits(std::as_bytes(std::span{some}))) return false;
        at += some.size();
    }
    return true;
}

constexpr std::size_t max = meter::hello_bytes_max;

} // namespace

BOOST_AUTO_TEST_CASE(a_hello_may_be_as_long_as_that) {
    for (std::size_t records : {1U, 3U, 4U, 5U, 1'000U, 16'000U}) {
        BOOST_TEST(admitted(in_records(message(hello, max), records)));
        BOOST_TEST(!admitted(in_records(message(hello, max + 1), records)));
        BOOST_TEST(!admitted(in_records(head(hello, 0xffffff), records)));
    }
}

BOOST_AUTO_TEST_CASE(it_is_found_as_soon_as_the_head_has_come_in_whatever_pieces) {
    auto const whole = record(handshake, head(hello, 131'000));
    for (std::size_t piece : {1U, 2U, 3U, 4U, 5U, 6U, 7U, 8U})
        BOOST_TEST(!admitted(whole, piece));
    BOOST_TEST(admitted(whole.substr(0, whole.size() - 1)));
    BOOST_TEST(admitted("")); // nothing yet
}

BOOST_AUTO_TEST_CASE(a_second_hello_is_measured_as_well) {
    auto const first = in_records(message(hello, 300), 16'000);
    auto const change_cipher = record(20, "\1");
    BOOST_TEST(admitted(first + change_cipher + in_records(message(hello, max), 16'000)));
    BOOST_TEST(!admitted(first + change_cipher + record(handshake, head(hello, max + 1))));
    BOOST_TEST(!admitted(record(handshake, message(hello, 300) + head(hello, max + 1))));
}

BOOST_AUTO_TEST_CASE(what_is_not_a_hello_is_not_measured) {
    BOOST_TEST(admitted(record(handshake, head(finished, 0xffffff))));
    BOOST_TEST(admitted(record(application, head(hello, 0xffffff))));
    BOOST_TEST(admitted(record(alert, head(hello, 0xffffff))));
    BOOST_TEST(admitted("GET / HTTP/1.1\r\nHost: example.org\r\n\r\n"));
}

BOOST_AUTO_TEST_CASE(empty_records_and_messages_do_not_lead_it_astray) {
    auto const nothing = record(handshake, "");
    auto const claim = record(handshake, head(hello, max + 1));
    BOOST_TEST(!admitted(nothing + nothing + claim));
    BOOST_TEST(!admitted(record(handshake, head(hello, 0)) + claim));
    BOOST_TEST(!admitted(record(application, "") + claim));
}

BOOST_AUTO_TEST_SUITE_END()
