// SPDX-License-Identifier: BSL-1.0
// Listening elsewhere than at ADDR:PORT.
#include "support/captured_log.hpp"
#include "support/folder.hpp"
#include "support/printing.hpp"
#include "support/running_server.hpp"

#include <boost/asio/error.hpp>
#include <boost/test/unit_test.hpp>

#include <sys/socket.h>

#include <filesystem>
#include <optional>
#include <string>

BOOST_AUTO_TEST_SUITE(places)

namespace {

using namespace std::chrono_literals;
using millipede::errc;
using millipede::error_code;
using millipede::frame;
using test::eventually;
using test::quiet_options;
using test::raw_client;
using test::recorded;
using test::running_server;
using test::with_both_transports;

millipede::options at(std::string const& place,
                      millipede::transport_kind kind = millipede::transport_kind::epoll) {
    auto wanted = test::clients_stay(quiet_options(kind));
    wanted.listen = {place};
    return wanted;
}

void serve_echo(running_server<>& host) {
    host.server.on_message(
        [](auto& connection, frame const& received) { connection.send(received); });
}

} // namespace

BOOST_AUTO_TEST_CASE(a_path_serves_like_a_port) {
    with_both_transports([](auto kind) {
        test::folder folder;
        auto path = folder / "a.sock";
        running_server<> host{at("unix:" + path, kind)};
        serve_echo(host);
        recorded<error_code> reasons;
        host.server.on_close([&](auto&, error_code const& why) { reasons.add(why); });
        host.start();
        BOOST_TEST(host.server.endpoints().empty());
        BOOST_TEST((host.server.places() == std::vector{"unix:" + path}));

        auto client = raw_client::at_path(path);
        auto largest = test::frame(1, std::string(65'527, 'z'));
        client.send(test::frame(1, "small") + largest);
        BOOST_TEST((client.read_frame() == test::frame(1, "small")));
        BOOST_TEST((client.read_frame() == largest));
        client.send(test::frame(2));
        client.end_output();
        auto ending = client.read_to_end();
        BOOST_TEST((ending.bytes == test::frame(2)));
        BOOST_TEST(ending.clean);
        BOOST_REQUIRE(reasons.wait_for(1));
        BOOST_TEST(reasons.at(0) == errc::closed_by_peer);

        auto other = raw_client::at_path(path);
        other.send(test::frame(3) + "no frame at all");
        auto refused = other.read_to_end();
        BOOST_TEST((refused.bytes == test::frame(3)));
        BOOST_TEST(refused.clean);
        host.stop();
        BOOST_TEST(!std::filesystem::exists(path));
    });
}

BOOST_AUTO_TEST_CASE(a_peer_at_a_path_that_does_not_read_is_waited_for) {
    with_both_transports([](auto kind) {
        test::folder folder;
        auto path = folder / "a.sock";
        auto wanted = at("unix:" + path, kind);
        wanted.output_max_bytes = 64 * 1024 * 1024;
        running_server<> host{wanted};
        serve_echo(host);
        host.start();
        auto client = raw_client::at_path(path);
        auto message = test::frame(1, std::string(60'000, 'm'));
        std::size_t sent = 0;
        std::string stream;
        for (int idle = 0; idle < 50;) { // until nothing goes out any more
            auto size = client.send_some(std::string_view{message}.substr(sent % message.size()));
            idle = size == 0 ? idle + 1 : 0;
            if (size == 0) std::this_thread::sleep_for(2ms);
            sent += size;
        }
        auto whole = sent / message.size();
        BOOST_TEST(whole > 2U);
        for (std::size_t count = 0; count < whole; ++count)
            BOOST_REQUIRE((client.read_frame() == message));
    });
}

BOOST_AUTO_TEST_CASE(a_peer_at_a_path_has_a_name_and_no_address) {
    with_both_transports([](auto kind) {
        test::folder folder;
        auto path = folder / "a.sock";
        auto wanted = at("unix:" + path, kind);
        wanted.listen.push_back("127.0.0.1:0");
        running_server<> host{wanted};
        recorded<std::string> names;
        recorded<error_code> codes;
        host.server.on_open([&](auto& connection) {
            error_code code;
            connection.remote_endpoint(code);
            codes.add(code);
            names.add(connection.peer_name());
        });
        host.start();
        auto local = raw_client::at_path(path);
        BOOST_REQUIRE(names.wait_for(1));
        BOOST_TEST(codes.at(0) == boost::asio::error::address_family_not_supported);
        BOOST_TEST(names.at(0) == "unix");
        auto remote = host.connect();
        BOOST_REQUIRE(names.wait_for(2));
        BOOST_TEST(!codes.at(1));
        auto port = std::to_string(remote.local_endpoint().port());
        BOOST_TEST(names.at(1) == "127.0.0.1:" + port);
    });
}

BOOST_AUTO_TEST_CASE(limits_of_sources_do_not_meet_those_who_have_none) {
    test::folder folder;
    auto path = folder / "a.sock";
    auto wanted = at("unix:" + path);
    wanted.connections_per_source_max = 1;
    wanted.accepts_per_second_per_source = 1;
    running_server<> host{wanted};
    host.start();
    std::vector<raw_client> clients;
    for (int count = 0; count < 5; ++count)
        clients.push_back(raw_client::at_path(path));
    BOOST_TEST(eventually([&] { return host.server.metrics().opened == 5; }));
}

BOOST_AUTO_TEST_CASE(who_is_turned_away_at_a_path_reads_a_clean_end) {
    test::captured_log logged;
    test::folder folder;
    auto path = folder / "a.sock";
    auto wanted = at("unix:" + path);
    wanted.connections_max = 1;
    running_server<> host{wanted};
    serve_echo(host);
    host.start();
    auto first = raw_client::at_path(path);
    first.send(test::frame(1));
    first.read_frame();
    auto second = raw_client::at_path(path);
    BOOST_TEST(second.read_to_end().clean);
    BOOST_TEST(eventually([&] { return logged.count("closed newcomer unix") == 1; }));
}

BOOST_AUTO_TEST_CASE(a_listener_for_both_versions_of_ip_serves_both) {
    auto wanted = at("[::]:0");
    wanted.listen.at(0).dual_stack = true;
    running_server<> host{wanted};
    serve_echo(host);
    recorded<std::string> names;
    host.server.on_open([&](auto& connection) { names.add(connection.peer_name()); });
    host.start();
    auto port = host.server.endpoints().at(0).port();
    for (auto const* address : {"127.0.0.1", "::1"}) {
        raw_client client{{boost::asio::ip::make_address(address), port}};
        client.send(test::frame(5));
        BOOST_TEST((client.read_frame() == test::frame(5)));
    }
    BOOST_TEST(names.at(0).starts_with("[::ffff:127.0.0.1]:"));
    BOOST_TEST(names.at(1).starts_with("[::1]:"));
}

BOOST_AUTO_TEST_CASE(an_inherited_socket_goes_on_listening_for_the_next_server) {
    test::folder folder;
    auto path = folder / "a.sock";
    std::optional<running_server<>> owner{std::in_place, at("unix:" + path)};
    owner->server.start(); // listens, and accepts nobody yet
    int handed_over = -1;
    for (int descriptor = 3; descriptor < 1'024 && handed_over < 0; ++descriptor) {
        int listens = 0;
        int family = 0;
        socklen_t size = sizeof listens;
        if (::getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 &&
            ::getsockopt(descriptor, SOL_SOCKET, SO_DOMAIN, &family, &size) == 0 && listens == 1 &&
            family == AF_UNIX)
            handed_over = descriptor;
    }
    BOOST_REQUIRE(handed_over >= 0);
    for (int round = 0; round < 2; ++round) {
        running_server<> host{at("fd:" + std::to_string(handed_over))};
        serve_echo(host);
        host.start();
        BOOST_TEST((host.server.places() == std::vector{"unix:" + path}));
        auto client = raw_client::at_path(path);
        client.send(test::frame(6));
        BOOST_TEST((client.read_frame() == test::frame(6)));
        host.stop();
        BOOST_TEST(std::filesystem::exists(path));
    }
    owner.reset();
    BOOST_TEST(!std::filesystem::exists(path));
}

BOOST_AUTO_TEST_CASE(a_start_that_fails_leaves_no_path_behind) {
    test::folder folder;
    auto path = folder / "a.sock";
    auto wanted = at("unix:" + path);
    wanted.listen.push_back("fd:9999");
    running_server<> host{wanted};
    BOOST_CHECK_EXCEPTION(host.server.start(), millipede::listen_error,
                          [](auto const& why) { return why.code() == errc::no_inherited_socket; });
    BOOST_TEST(!std::filesystem::exists(path));
    BOOST_TEST(host.server.places().empty());
}

BOOST_AUTO_TEST_CASE(pinned_workers_serve_like_others) {
    auto wanted = quiet_options();
    wanted.workers = 3;
    wanted.pin_workers = true;
    running_server<> host{wanted};
    recorded<int> processors;
    host.server.on_open([&](auto&) {
        cpu_set_t allowed;
        CPU_ZERO(&allowed);
        ::sched_getaffinity(0, sizeof allowed, &allowed);
        processors.add(CPU_COUNT(&allowed));
    });
    host.start();
    std::vector<raw_client> clients;
    for (int count = 0; count < 3; ++count)
        clients.push_back(host.connect());
    BOOST_REQUIRE(processors.wait_for(3));
    BOOST_TEST((processors.all() == std::vector{1, 1, 1}));
}

BOOST_AUTO_TEST_SUITE_END()
