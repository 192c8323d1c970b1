// SPDX-License-Identifier: BSL-1.0
#include <millipede/wire/proxy_header.hpp>

#include "support/wire.hpp"
#include "unit/support/seed.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

BOOST_AUTO_TEST_SUITE(proxy_headers)

namespace {

namespace ip = boost::asio::ip;
using millipede::detail::proxy_header;
using millipede::detail::proxy_header_bytes_max;
using millipede::detail::read_proxy_header;
using status = proxy_header::status;

proxy_header read(std::string const& bytes) {
    return read_proxy_header(test::bytes_of(bytes));
}

bool is_refused(std::string const& bytes) {
    return read(bytes).found == status::refused;
}

ip::tcp::endpoint endpoint(char const* address, std::uint16_t port) {
    return {ip::make_address(address), port};
}

std::string const signature{"\r\n\r\n\0\r\nQUIT\n", 12};

std::string word(std::size_t value) {
    return {static_cast<char>(value >> 8 & 0xff), static_cast<char>(value & 0xff)};
}

// A header of version 2, from its bytes 13 and 14 and what follows the length.
std::string binary(int version_command, int family_protocol, std::string const& rest) {
    return signature + static_cast<char>(version_command) + static_cast<char>(family_protocol) +
           word(rest.size()) + rest;
}

std::string attribute(char type, std::string const& value) {
    return type + word(value.size()) + value;
}

// 192.168.0.1:56324 to 10.0.0.2:443
std::string const addresses_v4 = {'\xc0', '\xa8', 0, 1, 10, 0, 0, 2, '\xdc', 4, 1, '\xbb'};
// [2001:db8::7]:80 to [::1]:8080
std::string const addresses_v6 = std::string{"\x20\x01\x0d\xb8", 4} + std::string(11, '\0') + '\7' +
                                 std::string(15, '\0') + '\1' + word(80) + word(8080);

// Headers that are whole, and whom they name; every port and address is another one.
std::vector<std::pair<std::string, std::optional<ip::tcp::endpoint>>> whole_headers() {
    auto const attributes = attribute('\x02', "example.org") + attribute('\xea', "") +
                            attribute('\x04', std::string(40, '\0'));
    auto const none = std::nullopt;
    return {
        {"PROXY TCP4 192.168.0.1 10.0.0.2 56324 443\r\n", endpoint("192.168.0.1", 56324)},
        {"PROXY TCP4 255.255.255.255 255.255.255.255 65535 0\r\n",
         endpoint("255.255.255.255", 65535)},
        {"PROXY TCP4 0.0.0.0 0.0.0.0 0 65535\r\n", endpoint("0.0.0.0", 0)},
        {"PROXY TCP6 2001:db8::7 ::1 80 8080\r\n", endpoint("2001:db8::7", 80)},
        {"PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
         "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n",
         endpoint("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 65535)},
        {"PROXY UNKNOWN\r\n", none},
        {"PROXY UNKNOWN and whatever else\r\n", none},
        {"PROXY UNKNOWN " + std::string(107 - 16, 'x') + "\r\n", none},
        {binary(0x21, 0x11, addresses_v4), endpoint("192.168.0.1", 56324)},
        {binary(0x21, 0x11, addresses_v4 + attributes), endpoint("192.168.0.1", 56324)},
        {binary(0x21, 0x21, addresses_v6), endpoint("2001:db8::7", 80)},
        {binary(0x21, 0x21, addresses_v6 + attributes), endpoint("2001:db8::7", 80)},
        {binary(0x21, 0x31, std::string(216, 'u')), none},
        {binary(0x21, 0x31, std::string(216, 'u') + attributes), none},
        {binary(0x21, 0x00, ""), none},
        {binary(0x21, 0x00, "skipped"), none},
        {binary(0x20, 0x00, ""), none},
        {binary(0x20, 0x11, addresses_v4), none},
        {binary(0x20, 0xff, "skipped, whatever it is"), none},
        {binary(0x21, 0x11, addresses_v4 + attribute('\x04', std::string(536 - 16 - 12 - 3, '\0'))),
         endpoint("192.168.0.1", 56324)},
    };
}

} // namespace

BOOST_AUTO_TEST_CASE(whole_headers_name_the_client) {
    for (auto const& [bytes, client] : whole_headers()) {
        BOOST_TEST_CONTEXT(bytes) {
            auto header = read(bytes);
            BOOST_TEST((header.found == status::whole));
            BOOST_TEST(header.size == bytes.size());
            BOOST_TEST((header.client == client));
        }
    }
}

BOOST_AUTO_TEST_CASE(every_beginning_of_a_header_is_incomplete) {
    for (auto const& [bytes, client] : whole_headers())
        for (std::size_t size = 0; size < bytes.size(); ++size) {
            auto header = read(bytes.substr(0, size));
            BOOST_REQUIRE((header.found == status::incomplete));
            BOOST_REQUIRE((header.client == std::nullopt));
        }
}

BOOST_AUTO_TEST_CASE(what_follows_a_header_is_not_touched) {
    for (auto const& [bytes, client] : whole_headers())
        for (auto const& more :
             {std::string{"\n"}, std::string{"PROXY "}, std::string(600, '\0')}) {
            auto header = read(bytes + more);
            BOOST_TEST((header.found == status::whole));
            BOOST_TEST(header.size == bytes.size());
            BOOST_TEST((header.client == client));
        }
}

BOOST_AUTO_TEST_CASE(no_header_is_refused_at_its_first_wrong_byte) {
    for (auto const& begin : {std::string{"PROXY "}, signature})
        for (std::size_t size = 0; size < begin.size(); ++size) {
            BOOST_TEST(is_refused(begin.substr(0, size) + '\x01'));
            BOOST_TEST(is_refused(begin.substr(0, size) + '\x01' + std::string(600, 'x')));
        }
    BOOST_TEST(is_refused(test::frame(1)));
    BOOST_TEST(is_refused("GET / HTTP/1.1\r\n"));
    BOOST_TEST(is_refused("\x16\x03\x01")); // a ClientHello
    BOOST_TEST(is_refused("proxy TCP4 1.2.3.4 1.2.3.4 1 2\r\n"));
}

BOOST_AUTO_TEST_CASE(every_broken_field_of_version_1_is_refused) {
    std::vector<std::string> const lines{
        "PROXY \r\n",
        "PROXY  TCP4 1.2.3.4 5.6.7.8 1 2\r\n",
        "PROXY TCP5 1.2.3.4 5.6.7.8 1 2\r\n",
        "PROXY tcp4 1.2.3.4 5.6.7.8 1 2\r\n",
        "PROXY UNKNOWNS\r\n",
        "PROXY TCP4\r\n",
        "PROXY TCP4 \r\n",
        "PROXY TCP4 1.2.3.4\r\n",
        "PROXY TCP4 1.2.3.4 5.6.7.8\r\n",
        "PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n",
        "PROXY TCP4 1.2.3.4 5.6.7.8 1 \r\n",
        "PROXY TCP4  1.2.3.4 5.6.7.8 1 2\r\n",
        "PROXY TCP4 1.2.3.4 5.6.7.8 1 2 \r\n",
        "PROXY TCP4 1.2.3.4 5.6.7.8 1 2 3\r\n",
        "PROXY TCP4\t1.2.3.4 5.6.7.8 1 2\r\n",
        "PROXY TCP4 1.2.3 5.6.7.8 1 2\r\n",
        "PROXY TCP4 1.2.3.4.5 5.6.7.8 1 2\r\n",
        "PROXY TCP4 1.2.3.256 5.6.7.8 1 2\r\n",
        "PROXY TCP4 1.2.3.4 5.6.7 1 2\r\n",
        "PROXY TCP4 ::1 ::2 1 2\r\n",
        "PROXY TCP4 1.2.3.4 ::2 1 2\r\n",
        "PROXY TCP6 1.2.3.4 5.6.7.8 1 2\r\n",
        "PROXY TCP6 ::1 5.6.7.8 1 2\r\n",
        "PROXY TCP6 ::12345 ::2 1 2\r\n",
        "PROXY TCP6 fe80::1%1 ::2 1 2\r\n",
        "PROXY TCP6 fe80::1%lo ::2 1 2\r\n",
        "PROXY TCP4 1.2.3.4 5.6.7.8 65536 2\r\n",
        "PROXY TCP4 1.2.3.4 5.6.7.8 1 65536\r\n",
        "PROXY TCP4 1.2.3.4 5.6.7.8 -1 2\r\n",
        "PROXY TCP4 1.2.3.4 5.6.7.8 +1 2\r\n",
        "PROXY TCP4 1.2.3.4 5.6.7.8 01 2\r\n",
        "PROXY TCP4 1.2.3.4 5.6.7.8 1 00\r\n",
        "PROXY TCP4 1.2.3.4 5.6.7.8 0x1 2\r\n",
        "PROXY TCP4 1.2.3.4 5.6.7.8 one 2\r\n",
        "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n",
        "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\r\n",
        "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\rx",
        std::string{"PROXY TCP4 1.2.3.4\0x 5.6.7.8 1 2\r\n", 34},
        "PROXY TCP4 " + std::string(46, '1') + " 5.6.7.8 1 2\r\n",
        "PROXY UNKNOWN " + std::string(107 - 15, 'x') + "\r\n", // one byte too long
        "PROXY UNKNOWN " + std::string(107 - 14, 'x'),
    };
    for (auto const& line : lines)
        BOOST_TEST(is_refused(line), "not refused: " << line);
}

BOOST_AUTO_TEST_CASE(every_broken_field_of_version_2_is_refused) {
    for (int version_command = 0; version_command < 256; ++version_command)
        if (version_command != 0x20 && version_command != 0x21)
            BOOST_TEST(is_refused(binary(version_command, 0x11, addresses_v4)));
    for (int family_protocol = 0; family_protocol < 256; ++family_protocol) {
        bool known = family_protocol == 0x00 || family_protocol == 0x11 ||
                     family_protocol == 0x21 || family_protocol == 0x31;
        auto bytes = binary(0x21, family_protocol, std::string(216, '\0'));
        BOOST_TEST(is_refused(bytes) == !known);
    }
    for (auto [family, size] : {std::pair{0x11, 12U}, std::pair{0x21, 36U}, std::pair{0x31, 216U}})
        for (unsigned shorter = 0; shorter < size; ++shorter)
            BOOST_TEST(is_refused(binary(0x21, family, std::string(shorter, '\0'))));
}

BOOST_AUTO_TEST_CASE(attributes_that_do_not_end_with_the_header_are_refused) {
    auto const whole = attribute('\x02', "example.org");
    for (std::size_t size = 1; size < whole.size(); ++size)
        BOOST_TEST(is_refused(binary(0x21, 0x11, addresses_v4 + whole.substr(0, size))));
    BOOST_TEST(is_refused(binary(0x21, 0x11, addresses_v4 + "\x02\xff\xff and so on")));
}

BOOST_AUTO_TEST_CASE(a_header_beyond_the_limit_is_refused_as_soon_as_its_length_is_known) {
    BOOST_TEST(proxy_header_bytes_max == 536U);
    auto const longest = binary(0x20, 0, std::string(536 - 16, 'x'));
    auto const longer = binary(0x20, 0, std::string(536 - 15, 'x'));
    BOOST_TEST((read(longest).found == status::whole));
    BOOST_TEST((read(longer.substr(0, 15)).found == status::incomplete));
    BOOST_TEST(is_refused(longer.substr(0, 16)));
    BOOST_TEST(is_refused(binary(0x20, 0, std::string(65'535, 'x')).substr(0, 16)));
}

// Whatever comes: an answer that can be right, and the same when more follows.
BOOST_AUTO_TEST_CASE(any_bytes_get_a_consistent_answer) {
    auto seed = millipede::test::random_seed();
    BOOST_TEST_MESSAGE("seed " << seed);
    std::mt19937 dice{seed};
    auto const headers = whole_headers();
    for (int times = 0; times < 20'000; ++times) {
        auto bytes = headers[dice() % headers.size()].first;
        for (auto changes = dice() % 4; changes > 0; --changes)
            bytes[dice() % bytes.size()] = static_cast<char>(dice());
        if (dice() % 2 == 0) bytes.resize(dice() % (bytes.size() + 1));
        auto header = read(bytes);
        auto longer = read(bytes + std::string(dice() % 600, 'x'));
        if (header.found == status::incomplete) continue;
        BOOST_REQUIRE((longer.found == header.found));
        BOOST_REQUIRE(longer.size == header.size);
        BOOST_REQUIRE(header.size <= std::min(bytes.size(), proxy_header_bytes_max));
    }
    BOOST_TEST((read(std::string(proxy_header_bytes_max, '\r')).found == status::refused));
}

BOOST_AUTO_TEST_SUITE_END()
