// SPDX-License-Identifier: BSL-1.0
#include <millipede/process/capacity.hpp>

#include <boost/test/unit_test.hpp>

#include <string>
#include <vector>

BOOST_AUTO_TEST_SUITE(capacity_warning_lines)

using millipede::capacity_warnings;
using millipede::machine;

namespace {

machine small_machine() {
    machine found;
    found.descriptors_hard = 1'048'576;
    found.watches_max = 100'040;
    found.memory_available = 1ULL << 30;
    found.processors_online = 2;
    return found;
}

millipede::options half_a_million() {
    millipede::options wanted;
    wanted.listen = {"127.0.0.1:0"};
    wanted.connections_per_worker = 250'000;
    return wanted;
}

} // namespace

BOOST_AUTO_TEST_CASE(a_line_for_each_limit_that_comes_first_with_its_remedy) {
    auto lines = capacity_warnings(half_a_million(), small_machine());
    BOOST_REQUIRE(lines.size() == 2U);
    BOOST_TEST(lines[0] ==
               "fs.epoll.max_user_watches: 100,040 is enough for 100,000 of 500,000 connections, "
               "which need 500,040; sysctl.d: fs.epoll.max_user_watches = 562545");
    BOOST_TEST(lines[1].starts_with("memory available: 1.0 GiB is enough for 256,"));
}

BOOST_AUTO_TEST_CASE(nothing_is_said_of_what_is_enough_or_automatic) {
    auto wanted = half_a_million();
    wanted.connections_per_worker = 50'000;
    BOOST_TEST(capacity_warnings(wanted, small_machine()).empty());
    wanted.connections_per_worker = 50'001;
    BOOST_TEST(capacity_warnings(wanted, small_machine()).size() == 1U);
    wanted.connections_per_worker = 0;
    BOOST_TEST(capacity_warnings(wanted, small_machine()).empty());
    BOOST_TEST(capacity_warnings(wanted).empty());
}

BOOST_AUTO_TEST_CASE(the_options_tell_how_many_and_of_what_kind) {
    auto wanted = half_a_million();
    wanted.connections_max = 100'000;
    BOOST_TEST(capacity_warnings(wanted, small_machine()).empty());
    wanted.workers = 1; // 36 descriptors beside
    wanted.connections_max = 100'004;
    BOOST_TEST(capacity_warnings(wanted, small_machine()).empty());
    wanted.transport = millipede::transport_kind::asio;
    wanted.connections_max = 0;
    wanted.connections_per_worker = 100'000;
    BOOST_TEST(capacity_warnings(wanted, small_machine()).empty());
    millipede::listen_options secure{"127.0.0.1:0"};
    secure.tls = millipede::tls_options{"chain.pem", "key.pem"};
    wanted.listen.push_back(secure);
    BOOST_REQUIRE(capacity_warnings(wanted, small_machine()).size() == 1U);
    wanted.listen.pop_back();
    wanted.workers = 0; // of which there are two
    BOOST_TEST(capacity_warnings(wanted, small_machine()).size() == 2U);
}

BOOST_AUTO_TEST_CASE(a_machine_of_which_nothing_is_known_is_not_warned_of) {
    BOOST_TEST(capacity_warnings(half_a_million(), machine{}).empty());
}

BOOST_AUTO_TEST_CASE(this_machine_has_room_for_a_handful) {
    auto wanted = half_a_million();
    wanted.connections_per_worker = 1;
    BOOST_TEST(capacity_warnings(wanted).empty());
}

BOOST_AUTO_TEST_SUITE_END()
