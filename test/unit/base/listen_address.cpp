// SPDX-License-Identifier: BSL-1.0
#include <millipede/base/listen_address.hpp>

#include <millipede/base/options.hpp>

#include <boost/test/unit_test.hpp>

#include <stdexcept>
#include <string>

BOOST_AUTO_TEST_SUITE(listen_address)

using millipede::inherited_address;
using millipede::listen_options;
using millipede::parse_listen_address;
using millipede::systemd_address;
using millipede::to_string;
using millipede::unix_address;
using namespace std::string_literals;

namespace {

std::string refusal_of(std::string const& text) {
    try {
        parse_listen_address(text);
    } catch (std::invalid_argument const& refusal) {
        return refusal.what();
    }
    return "accepted";
}

std::string refusal_of(listen_options const& wanted) {
    try {
        millipede::check_listener(wanted);
    } catch (millipede::invalid_option const& refusal) {
        return refusal.what();
    }
    return "accepted";
}

bool contains(std::string const& text, std::string const& part) {
    return text.find(part) != std::string::npos;
}

} // namespace

BOOST_AUTO_TEST_CASE(each_form_is_read) {
    auto endpoint = std::get<boost::asio::ip::tcp::endpoint>(parse_listen_address("[::1]:80"));
    BOOST_TEST(endpoint.port() == 80);
    BOOST_TEST(std::get<unix_address>(parse_listen_address("unix:/run/a b.sock")).path ==
               "/run/a b.sock");
    BOOST_TEST(std::get<unix_address>(parse_listen_address("unix:here")).path == "here");
    BOOST_TEST(std::get<inherited_address>(parse_listen_address("fd:17")).descriptor == 17);
    BOOST_TEST(std::get<systemd_address>(parse_listen_address("systemd:")).name.empty());
    BOOST_TEST(std::get<systemd_address>(parse_listen_address("systemd:web")).name == "web");
}

BOOST_AUTO_TEST_CASE(what_is_read_is_written_the_same) {
    for (auto const& text : {"127.0.0.1:8082"s, "[::]:0"s, "unix:/run/service.sock"s, "fd:0"s,
                             "fd:3"s, "systemd:"s, "systemd:a.socket"s})
        BOOST_TEST(to_string(parse_listen_address(text)) == text);
}

BOOST_AUTO_TEST_CASE(the_longest_path_is_what_the_system_takes) {
    std::string longest(107, 'x');
    BOOST_TEST(std::get<unix_address>(parse_listen_address("unix:" + longest)).path == longest);
    BOOST_TEST(contains(refusal_of("unix:" + longest + "x"), "longer than 107 bytes"));
}

BOOST_AUTO_TEST_CASE(bad_forms_are_refused_and_named) {
    BOOST_TEST(contains(refusal_of("unix:"s), "the path is missing"));
    BOOST_TEST(contains(refusal_of("unix:a\0b"s), "a zero byte"));
    BOOST_TEST(contains(refusal_of("systemd:a:b"s), "no colon"));
    BOOST_TEST(contains(refusal_of("systemd:a\0b"s), "no zero byte"));
    for (auto const& text : {"fd:"s, "fd:x"s, "fd:-1"s, "fd:3x"s, "fd: 3"s, "fd:99999999999"s})
        BOOST_TEST(contains(refusal_of(text), "'" + text + "'"));
    for (auto const& text : {"UNIX:/a"s, "unix"s, "/run/a.sock"s, "fd"s, "systemd"s, ""s})
        BOOST_TEST(contains(refusal_of(text), "is not ADDR:PORT"));
}

BOOST_AUTO_TEST_CASE(options_that_do_not_go_with_a_place_are_refused) {
    listen_options wanted{"127.0.0.1:0"};
    BOOST_TEST(refusal_of(wanted) == "accepted");
    wanted.dual_stack = true;
    BOOST_TEST(contains(refusal_of(wanted), "127.0.0.1:0 is no IPv6 endpoint"));
    wanted.endpoint = "unix:/a";
    BOOST_TEST(contains(refusal_of(wanted), "unix:/a is no IPv6 endpoint"));
    wanted.endpoint = "[::]:0";
    BOOST_TEST(refusal_of(wanted) == "accepted");
    wanted.unix_mode = 0660;
    BOOST_TEST(contains(refusal_of(wanted), "[::]:0 is no path"));
    wanted = "unix:/a";
    wanted.unix_mode = 0777;
    BOOST_TEST(refusal_of(wanted) == "accepted");
    wanted.unix_mode = 01000;
    BOOST_TEST(contains(refusal_of(wanted), "above 0777"));
    BOOST_TEST(contains(refusal_of(listen_options{"fd:x"}), "'fd:x'"));
}

BOOST_AUTO_TEST_SUITE_END()
