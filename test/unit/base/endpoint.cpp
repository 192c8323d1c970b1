// SPDX-License-Identifier: BSL-1.0
#include <millipede/base/endpoint.hpp>

#include <boost/test/unit_test.hpp>

#include <net/if.h>

#include <stdexcept>
#include <string>

BOOST_AUTO_TEST_SUITE(endpoint)

using millipede::parse_endpoint;
using millipede::to_string;

BOOST_AUTO_TEST_CASE(an_ipv4_address_and_a_port_are_read) {
    auto read = parse_endpoint("10.1.2.3:8082");
    BOOST_TEST(read.address().is_v4());
    BOOST_TEST(read.address().to_string() == "10.1.2.3");
    BOOST_TEST(read.port() == 8082);
}

BOOST_AUTO_TEST_CASE(an_ipv6_address_in_brackets_and_a_port_are_read) {
    auto read = parse_endpoint("[2001:db8::7]:443");
    BOOST_TEST(read.address().is_v6());
    BOOST_TEST(read.address().to_string() == "2001:db8::7");
    BOOST_TEST(read.port() == 443);
}

BOOST_AUTO_TEST_CASE(the_bounds_of_a_port_are_read) {
    BOOST_TEST(parse_endpoint("0.0.0.0:0").port() == 0);
    BOOST_TEST(parse_endpoint("0.0.0.0:65535").port() == 65535);
}

BOOST_AUTO_TEST_CASE(what_is_read_is_written_the_same) {
    for (std::string text : {"0.0.0.0:0", "127.0.0.1:8082", "255.255.255.255:65535", "[::]:8082",
                             "[::1]:1", "[2001:db8::7]:443", "[::ffff:1.2.3.4]:9"}) {
        BOOST_TEST(to_string(parse_endpoint(text)) == text);
    }
}

BOOST_AUTO_TEST_CASE(what_is_written_is_read_the_same) {
    auto scoped = boost::asio::ip::make_address_v6("fe80::1");
    scoped.scope_id(1);
    for (auto const& address :
         {boost::asio::ip::address{boost::asio::ip::make_address_v4("192.168.0.1")},
          boost::asio::ip::address{boost::asio::ip::make_address_v6("fd00::abcd")},
          boost::asio::ip::address{scoped}}) {
        boost::asio::ip::tcp::endpoint written{address, 5000};
        BOOST_TEST(parse_endpoint(to_string(written)) == written);
    }
}

BOOST_AUTO_TEST_CASE(bad_forms_are_refused_and_named) {
    for (std::string text : {"",
                             ":",
                             "8082",
                             "127.0.0.1",
                             ":8082",
                             "127.0.0.1:",
                             "127.0.0.1:x",
                             "127.0.0.1:80x",
                             "127.0.0.1:65536",
                             "127.0.0.1:-1",
                             "127.0.0.1:+80",
                             "127.0.0.1: 80",
                             "127.0.0.1:80 ",
                             " 127.0.0.1:80",
                             "127.0.0.1 :80",
                             "127.0.0.256:80",
                             "127.0.0:80",
                             "127.0.0.1:99999999999",
                             "localhost:80",
                             "*:80",
                             "::1:80",
                             "2001:db8::7",
                             "[::1]",
                             "[::1]80",
                             "[::1]:",
                             "[]:80",
                             "[:80",
                             "]:80",
                             "[127.0.0.1]:80",
                             "[::1:80",
                             "::1]:80",
                             "[[::1]]:80",
                             "[::1%]:x",
                             "[::1%]:80",
                             "[::1%0]:80",
                             "[::1%nonsense]:80",
                             "[fe80::1%7x]:80",
                             "[fe80::1%-1]:80",
                             "[fe80::1%4294967297]:80"}) {
        BOOST_TEST_CONTEXT("'" << text << "'") {
            BOOST_CHECK_EXCEPTION(parse_endpoint(text), std::invalid_argument,
                                  [&](std::invalid_argument const& why) {
                                      auto named = std::string{why.what()}.find("'" + text + "'");
                                      return named != std::string::npos;
                                  });
        }
    }
}

BOOST_AUTO_TEST_CASE(a_zone_is_an_interface_or_its_number) {
    BOOST_TEST(parse_endpoint("[fe80::1%7]:80").address().to_v6().scope_id() == 7U);
    BOOST_TEST(parse_endpoint("[fe80::1%lo]:80").address().to_v6().scope_id() ==
               ::if_nametoindex("lo"));
}

BOOST_AUTO_TEST_CASE(a_zero_byte_does_not_end_the_address) {
    std::string_view text{"127.0.0.1\0junk:80", 17};
    BOOST_CHECK_EXCEPTION(parse_endpoint(text), std::invalid_argument,
                          [](std::invalid_argument const& why) {
                              // All of it: a zero byte would end the message as well.
                              return std::string{why.what()} ==
                                     "'127.0.0.1\\0junk:80' is not ADDR:PORT: there is a zero "
                                     "byte in it";
                          });
}

BOOST_AUTO_TEST_CASE(a_refusal_says_what_is_wrong) {
    auto refusal_of = [](char const* text) -> std::string {
        try {
            parse_endpoint(text);
        } catch (std::invalid_argument const& refusal) {
            return refusal.what();
        }
        return "accepted";
    };
    BOOST_TEST(refusal_of("127.0.0.1").find("port is missing") != std::string::npos);
    BOOST_TEST(refusal_of("127.0.0.1:65536").find("0 to 65535") != std::string::npos);
    BOOST_TEST(refusal_of("localhost:80").find("IPv6 address in brackets") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
