// SPDX-License-Identifier: BSL-1.0
// Listeners behind proxies that speak the PROXY protocol.
#include "support/printing.hpp"
#include "support/running_server.hpp"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <string>
#include <thread>
#include <utility>
#include <vector>

BOOST_AUTO_TEST_SUITE(proxy)

namespace {

using namespace std::chrono_literals;
using millipede::errc;
using millipede::error_code;
using millipede::frame;
using millipede::listen_options;
using test::eventually;
using test::quiet_options;
using test::raw_client;
using test::recorded;
using test::with_both_transports;
using endpoint_type = boost::asio::ip::tcp::endpoint;

constexpr std::uint16_t echo = 1;
constexpr std::uint16_t who = 2; // answers with the client's address and port
constexpr std::uint16_t leave = 3;

std::string const header = "PROXY TCP4 192.0.2.7 198.51.100.1 4711 443\r\n";
std::string const client_of_header = "192.0.2.7:4711";

std::string header_of(std::string const& address) {
    return "PROXY TCP4 " + address + " 198.51.100.1 4711 443\r\n";
}

std::string const local_header{"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0", 16};

// 2001:db8::99, port 4712, by version 2, with an attribute.
std::string binary_header() {
    std::string bytes{"\r\n\r\n\0\r\nQUIT\n\x21\x21\0\x29", 16};
    bytes += std::string{"\x20\x01\x0d\xb8", 4} + std::string(11, '\0') + '\x99';
    bytes += std::string(15, '\0') + '\1' + "\x12\x68\x01\xbb";
    bytes += std::string{"\x04\0\x02pp", 5};
    return bytes;
}

std::string text_of(endpoint_type const& endpoint) {
    return endpoint.address().to_string() + ":" + std::to_string(endpoint.port());
}

listen_options proxied(char const* endpoint = "127.0.0.1:0") {
    listen_options listener{endpoint};
    listener.proxy_protocol = true;
    return listener;
}

millipede::options
proxied_options(millipede::transport_kind kind = millipede::transport_kind::epoll) {
    auto wanted = quiet_options(kind);
    wanted.listen = {proxied()};
    wanted.handshake_timeout = 1min; // beyond all patience: nothing may depend on it
    return wanted;
}

struct host_type : test::running_server<> {
    explicit host_type(millipede::options wanted) : running_server{std::move(wanted)} {
        server.on(echo, [](auto& connection, frame const& message) { connection.send(message); });
        server.on(who, [](auto& connection, frame const&) {
            auto text = text_of(connection.remote_endpoint());
            connection.send_bytes(test::bytes_of(test::frame(who, text)));
        });
        server.on(leave, [](auto& connection, frame const&) { connection.close(); });
        server.on_open(
            [this](auto& connection) { openings.add(text_of(connection.remote_endpoint())); });
        server.on_close([this](auto& connection, error_code const& reason) {
            error_code unknown;
            endings.add(text_of(connection.remote_endpoint(unknown)));
            reasons.add(reason);
        });
    }
    ~host_type() { stop(); }

    bool answers(raw_client& client) {
        client.send(test::frame(echo, "ping"));
        return client.read_frame() == test::frame(echo, "ping");
    }
    // Whether a client behind that header is let in; it stays in `present`.
    bool lets_in(std::string const& bytes) {
        auto client = connect();
        client.send(bytes + test::frame(echo, "in"));
        bool served = client.readable(test::patience) && client.send(test::frame(echo, "in"));
        if (served) try {
                served = client.read_frame() == test::frame(echo, "in");
            } catch (std::runtime_error const&) {
                served = false;
            }
        if (served) present.push_back(std::move(client));
        return served;
    }
    // Everybody has gone, and this is where they are counted.
    void check_never_opened(std::uint64_t bad_headers, std::uint64_t abandoned) {
        BOOST_TEST(
            eventually([&] { return server.metrics().released == bad_headers + abandoned; }));
        auto sums = server.metrics();
        BOOST_TEST(sums.accepted == bad_headers + abandoned);
        BOOST_TEST(sums.bad_proxy_headers == bad_headers);
        BOOST_TEST(sums.abandoned == abandoned);
        BOOST_TEST(sums.opened == 0U);
        BOOST_TEST(sums.closed == 0U);
        BOOST_TEST(openings.size() == 0U);
        BOOST_TEST(endings.size() == 0U);
    }

    std::vector<raw_client> present;
    recorded<std::string> openings; ///< Who, as on_open sees it.
    recorded<std::string> endings;
    recorded<error_code> reasons;
};

} // namespace

BOOST_AUTO_TEST_CASE(handlers_see_the_client_that_the_header_names) {
    with_both_transports([](auto kind) {
        for (auto const& [bytes, client_name] :
             {std::pair{header, client_of_header},
              std::pair{binary_header(), std::string{"2001:db8::99:4712"}}}) {
            host_type host{proxied_options(kind)};
            host.start();
            auto client = host.connect();
            client.send(bytes + test::frame(who) + test::frame(echo, "behind it"));
            BOOST_TEST((client.read_frame() == test::frame(who, client_name)));
            BOOST_TEST((client.read_frame() == test::frame(echo, "behind it")));
            BOOST_TEST(host.answers(client));
            client.send(test::frame(who));
            BOOST_TEST((client.read_frame() == test::frame(who, client_name)));
            client.close();
            BOOST_REQUIRE(host.endings.wait_for(1));
            BOOST_TEST(host.openings.at(0) == client_name);
            BOOST_TEST(host.endings.at(0) == client_name);
            BOOST_TEST(host.reasons.at(0) == errc::closed_by_peer);
        }
    });
}

BOOST_AUTO_TEST_CASE(limits_per_source_are_for_the_clients_and_not_for_the_proxy) {
    with_both_transports([](auto kind) {
        auto wanted = test::clients_stay(proxied_options(kind));
        wanted.workers = 2;
        wanted.connections_per_source_max = 2;
        host_type host{wanted};
        host.start();
        for (auto const* source : {"192.0.2.7", "192.0.2.8"})
            for (int times = 0; times < 2; ++times)
                BOOST_TEST(host.lets_in(header_of(source)));
        BOOST_TEST(host.lets_in(binary_header()));
        auto refused = host.connect();
        refused.send(header + test::frame(echo, "never answered"));
        auto got = refused.read_to_end();
        BOOST_TEST(got.clean);
        BOOST_TEST(got.bytes.empty());
        BOOST_TEST(!host.lets_in(header_of("192.0.2.8")));
        auto sums = host.server.metrics();
        BOOST_TEST(sums.newcomers_over_source_limit == 2U);
        BOOST_TEST(sums.accepted == 7U);
        BOOST_TEST(sums.opened == 5U);
        BOOST_TEST(eventually([&] { return host.server.metrics().released == 2; }));
        BOOST_TEST(host.openings.size() == 5U);
        // Whoever leaves makes room for its own source.
        host.present.erase(host.present.begin()); // one of 192.0.2.7
        BOOST_TEST(eventually([&] { return host.server.metrics().released == 3; }));
        BOOST_TEST(!host.lets_in(header_of("192.0.2.8")));
        BOOST_TEST(host.lets_in(header));
        BOOST_TEST(!host.lets_in(header));
    });
}

BOOST_AUTO_TEST_CASE(a_proxy_that_speaks_for_itself_meets_no_limit_per_source) {
    auto wanted = test::clients_stay(proxied_options());
    wanted.connections_per_source_max = 1;
    wanted.accepts_per_second_per_source = 1;
    host_type host{wanted};
    host.start();
    for (int times = 0; times < 3; ++times)
        for (auto const& bytes : {local_header, std::string{"PROXY UNKNOWN\r\n"}})
            BOOST_TEST(host.lets_in(bytes));
    BOOST_TEST(host.lets_in(header));
    BOOST_TEST(!host.lets_in(header));
}

BOOST_AUTO_TEST_CASE(a_source_is_the_same_with_a_proxy_and_without) {
    auto wanted = test::clients_stay(proxied_options());
    wanted.listen.push_back("127.0.0.1:0");
    wanted.connections_per_source_max = 1;
    host_type host{wanted};
    host.start();
    raw_client direct{host.server.endpoints().at(1), 0, "127.0.0.9"};
    BOOST_TEST(host.answers(direct));
    BOOST_TEST(!host.lets_in(header_of("127.0.0.9")));
    direct.close();
    BOOST_TEST(eventually([&] { return host.server.metrics().released == 2; }));
    BOOST_TEST(host.lets_in(header_of("127.0.0.9")));
    auto got = raw_client{host.server.endpoints().at(1), 0, "127.0.0.9"}.read_to_end();
    BOOST_TEST(got.clean);
    BOOST_TEST(host.server.metrics().newcomers_over_source_limit == 2U);
}

BOOST_AUTO_TEST_CASE(clients_of_a_proxy_have_a_rate_each) {
    auto wanted = test::clients_stay(proxied_options());
    wanted.accepts_per_second_per_source = 1;
    wanted.accepts_burst_per_source = 2;
    host_type host{wanted};
    host.start();
    int let_in = 0;
    for (int times = 0; times < 10; ++times)
        let_in += host.lets_in(header) ? 1 : 0;
    BOOST_TEST(let_in >= 2);
    auto refused = host.server.metrics().newcomers_over_source_rate;
    BOOST_TEST(refused == 10U - static_cast<unsigned>(let_in));
    BOOST_TEST(host.lets_in(header_of("192.0.2.99")));
}

// With neither, no header is asked for its source.
BOOST_AUTO_TEST_CASE(without_a_limit_per_source_all_clients_of_a_proxy_come_in) {
    auto wanted = test::clients_stay(proxied_options());
    wanted.connections_max = 100;
    host_type host{wanted};
    host.start();
    for (int times = 0; times < 50; ++times)
        BOOST_TEST(host.lets_in(header));
}

// Workers and the acceptor ask at once, while others depart on all of them.
BOOST_AUTO_TEST_CASE(counts_per_source_are_right_after_a_churn_through_a_proxy_and_beside_it) {
    auto wanted = test::clients_stay(proxied_options());
    wanted.listen.push_back("127.0.0.1:0");
    wanted.workers = 3;
    wanted.connections_per_source_max = 15;
    host_type host{wanted};
    host.start();
    auto const endpoints = host.server.endpoints();
    std::vector<std::thread> threads;
    for (std::string source : {"127.0.0.2", "127.0.0.3", "127.0.0.2", "127.0.0.3"})
        threads.emplace_back([source, direct = threads.size() < 2, &endpoints] {
            for (int times = 0; times < 150; ++times) {
                raw_client client{endpoints[direct ? 1 : 0], 0, source.c_str()};
                client.send((direct ? "" : header_of(source)) + test::frame(echo));
                if (times % 3 == 0) client.reset();
            }
        });
    for (auto& thread : threads)
        thread.join();
    BOOST_TEST(eventually([&] {
        auto sums = host.server.metrics();
        auto refused = sums.newcomers_over_source_limit;
        auto gone = sums.abandoned + sums.bad_proxy_headers; // reset before the header was read
        return sums.accepted == 600 && sums.accepted == sums.opened + refused + gone &&
               sums.closed == sums.opened;
    }));
    for (int times = 0; times < 15; ++times) // the last to close are perhaps not yet told of
        BOOST_TEST(eventually([&] { return host.lets_in(header_of("127.0.0.3")); }));
    auto before = host.server.metrics().newcomers_over_source_limit;
    BOOST_TEST(!host.lets_in(header_of("127.0.0.3")));
    BOOST_TEST(host.server.metrics().newcomers_over_source_limit == before + 1);
}

BOOST_AUTO_TEST_CASE(a_header_cut_at_every_byte_is_read) {
    host_type host{proxied_options()};
    host.start();
    for (auto const& bytes : {header, binary_header()})
        for (std::size_t cut = 1; cut < bytes.size(); ++cut) {
            auto client = host.connect();
            client.send(bytes.substr(0, cut));
            if (cut % 8 == 0) std::this_thread::sleep_for(1ms); // mostly they come together
            client.send(bytes.substr(cut) + test::frame(echo));
            BOOST_REQUIRE((client.read_frame() == test::frame(echo)));
        }
    with_both_transports([](auto kind) {
        host_type slow{proxied_options(kind)};
        slow.start();
        auto client = slow.connect();
        for (char byte : header + test::frame(who))
            client.send({&byte, 1});
        BOOST_TEST((client.read_frame() == test::frame(who, client_of_header)));
    });
}

BOOST_AUTO_TEST_CASE(where_the_proxy_names_nobody_the_sockets_own_address_stands) {
    with_both_transports([](auto kind) {
        host_type host{proxied_options(kind)};
        host.start();
        for (auto const& bytes : {std::string{"PROXY UNKNOWN\r\n"},
                                  std::string{"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0", 16}}) {
            auto client = host.connect();
            client.send(bytes + test::frame(who));
            auto ours = text_of(client.local_endpoint());
            BOOST_TEST((client.read_frame() == test::frame(who, ours)));
        }
    });
}

BOOST_AUTO_TEST_CASE(only_the_chosen_listeners_ask_for_a_header) {
    with_both_transports([](auto kind) {
        auto wanted = quiet_options(kind);
        wanted.listen = {"127.0.0.1:0", proxied(), proxied("[::1]:0")};
        wanted.connections_per_worker = 1; // so that they use the same slot in turn
        host_type host{wanted};
        host.start();
        for (int times = 0; times < 3; ++times)
            for (std::size_t index = 0; index < 3; ++index) {
                raw_client client{host.server.endpoints().at(index)};
                client.send((index == 0 ? "" : header) + test::frame(who));
                auto ours = index == 0 ? text_of(client.local_endpoint()) : client_of_header;
                BOOST_TEST((client.read_frame() == test::frame(who, ours)));
                client.close();
                auto count = static_cast<std::size_t>(times) * 3 + index + 1;
                BOOST_REQUIRE(eventually([&] { return host.server.metrics().released == count; }));
            }
    });
}

BOOST_AUTO_TEST_CASE(who_does_not_begin_with_a_header_is_refused_with_a_clean_end) {
    with_both_transports([](auto kind) {
        host_type host{proxied_options(kind)};
        host.start();
        std::vector<std::string> const openings{test::frame(echo), "P!", "PROXY TCP4 nonsense\r\n",
                                                header.substr(1), "GET / HTTP/1.1\r\n\r\n"};
        for (auto const& bytes : openings) {
            auto client = host.connect();
            client.send(bytes);
            auto got = client.read_to_end();
            BOOST_TEST(got.clean);
            BOOST_TEST(got.bytes.empty());
        }
        host.check_never_opened(openings.size(), 0);
    });
}

BOOST_AUTO_TEST_CASE(a_header_that_does_not_come_in_time_ends_it) {
    auto wanted = proxied_options();
    wanted.handshake_timeout = 200ms;
    host_type host{wanted};
    host.start();
    std::vector<raw_client> clients;
    for (std::size_t size : {0U, 1U, 20U}) {
        clients.push_back(host.connect());
        clients.back().send(header.substr(0, size));
    }
    for (auto& client : clients)
        BOOST_TEST(client.read_to_end().bytes.empty());
    host.check_never_opened(3, 0);
}

// The whole greeting has one limit: to be slow in small steps does not help.
BOOST_AUTO_TEST_CASE(a_header_that_trickles_does_not_stay) {
    auto wanted = proxied_options();
    wanted.handshake_timeout = 300ms;
    host_type host{wanted};
    host.start();
    auto begin = std::chrono::steady_clock::now();
    auto client = host.connect();
    for (std::size_t at = 0; at + 1 < header.size() && !client.readable(20ms); ++at)
        client.send(header.substr(at, 1));
    client.read_to_end();
    BOOST_TEST((std::chrono::steady_clock::now() - begin >= 300ms));
    host.check_never_opened(1, 0);
}

BOOST_AUTO_TEST_CASE(who_leaves_before_the_header_is_over_is_counted) {
    host_type host{proxied_options()};
    host.start();
    host.connect().close(); // a health check
    host.connect().reset();
    auto rude = host.connect();
    rude.send(header.substr(0, 10));
    rude.close();
    host.check_never_opened(1, 2);
}

BOOST_AUTO_TEST_CASE(header_request_and_end_at_once_are_answered) {
    with_both_transports([](auto kind) {
        host_type host{proxied_options(kind)};
        host.server.start();
        auto client = host.connect(); // nobody accepts yet
        client.send(header + test::frame(echo, "a") + test::frame(who));
        client.end_output();
        host.run();
        auto got = client.read_to_end();
        BOOST_TEST(got.clean);
        BOOST_TEST((got.bytes == test::frame(echo, "a") + test::frame(who, client_of_header)));
        BOOST_TEST(host.reasons.wait_for(1));
        BOOST_TEST(host.reasons.at(0) == errc::closed_by_peer);
    });
}

BOOST_AUTO_TEST_CASE(a_server_that_stops_answers_what_lies_behind_a_header) {
    with_both_transports([](auto kind) {
        host_type host{proxied_options(kind)};
        host.server.start();
        auto whole = host.connect();
        whole.send(header + test::frame(echo, "last"));
        auto silent = host.connect();
        host.server.stop(); // comes before any accepting
        host.run();
        BOOST_TEST((whole.read_to_end().bytes == test::frame(echo, "last")));
        auto got = silent.read_to_end(); // it is not waited for
        BOOST_TEST(got.clean);
        BOOST_TEST(got.bytes.empty());
        for (auto* client : {&whole, &silent})
            client->close();
        host.join();
        auto sums = host.server.metrics();
        BOOST_TEST(sums.accepted == 2U);
        BOOST_TEST(sums.opened == 1U);
        BOOST_TEST(sums.stopped == 1U);
        BOOST_TEST(sums.abandoned == 1U);
        BOOST_TEST(sums.released == 2U);
        BOOST_TEST(sums.cut == 0U);
    });
}

BOOST_AUTO_TEST_CASE(a_header_that_was_begun_before_a_drain_has_its_time) {
    for (auto window : {0ms, 100ms})
        with_both_transports([&](auto kind) {
            host_type host{proxied_options(kind)};
            host.server.on_drain([](auto& connection, auto) {
                connection.send(millipede::payload{test::bytes_of("bye")});
            });
            host.server.start();
            auto late = host.connect();
            late.send(header.substr(0, 9));
            auto silent = host.connect();
            host.server.drain(20s, window); // comes before any accepting
            host.run();
            BOOST_TEST(silent.read_to_end().clean); // so the turn of both has come
            BOOST_TEST(!late.readable(20ms));
            late.send(header.substr(9) + test::frame(echo, "last"));
            auto got = late.read_to_end();
            BOOST_TEST(got.clean);
            BOOST_TEST((got.bytes == test::frame(echo, "last") + "bye"));
            late.close();
            host.join();
            auto sums = host.server.metrics();
            BOOST_TEST(sums.opened == 1U);
            BOOST_TEST(sums.stopped == 1U);
            BOOST_TEST(sums.abandoned == 1U);
            BOOST_TEST(host.server.drained().cut == 0U);
            BOOST_TEST((host.server.drained().took < 15s));
        });
}

BOOST_AUTO_TEST_CASE(a_header_that_does_not_end_is_cut_off_at_the_deadline) {
    with_both_transports([](auto kind) {
        auto wanted = proxied_options(kind);
        wanted.stop_timeout = 200ms;
        host_type host{wanted};
        host.server.start();
        auto late = host.connect();
        late.send(header.substr(0, 9));
        host.server.stop();
        host.run();
        BOOST_TEST(late.read_to_end().bytes.empty());
        host.join();
        auto sums = host.server.metrics();
        BOOST_TEST(sums.accepted == 1U);
        BOOST_TEST(sums.abandoned == 1U);
        BOOST_TEST(sums.released == 1U);
        BOOST_TEST(sums.opened == 0U);
    });
}

BOOST_AUTO_TEST_CASE(a_server_that_stops_lets_in_no_more_of_one_source_than_before) {
    auto wanted = proxied_options();
    wanted.connections_per_source_max = 2;
    host_type host{wanted};
    host.server.start();
    std::vector<raw_client> clients;
    for (int times = 0; times < 5; ++times) {
        clients.push_back(host.connect());
        clients.back().send(header + test::frame(echo, "last"));
    }
    host.server.stop();
    host.run();
    int answered = 0;
    for (auto& client : clients)
        answered += client.read_to_end().bytes == test::frame(echo, "last") ? 1 : 0;
    clients.clear();
    host.join();
    BOOST_TEST(answered == 2);
    BOOST_TEST(host.server.metrics().newcomers_over_source_limit == 3U);
    BOOST_TEST(host.server.metrics().released == 5U);
}

BOOST_AUTO_TEST_CASE(many_at_once_are_all_served) {
    auto wanted = proxied_options();
    wanted.workers = 2;
    host_type host{wanted};
    host.server.start();
    std::vector<raw_client> clients;
    for (int times = 0; times < 200; ++times) {
        clients.push_back(host.connect());
        clients.back().send(header + test::frame(echo));
    }
    host.run();
    for (auto& client : clients)
        BOOST_TEST((client.read_frame() == test::frame(echo)));
    BOOST_TEST(host.server.metrics().opened == 200U);
}

BOOST_AUTO_TEST_CASE(a_handler_may_close_at_its_first_message) {
    with_both_transports([](auto kind) {
        host_type host{proxied_options(kind)};
        host.start();
        auto client = host.connect();
        client.send(header + test::frame(echo, "a") + test::frame(leave) + test::frame(echo, "b"));
        auto got = client.read_to_end();
        BOOST_TEST(got.clean);
        BOOST_TEST((got.bytes == test::frame(echo, "a")));
        BOOST_REQUIRE(host.reasons.wait_for(1));
        BOOST_TEST(host.reasons.at(0) == errc::closed_by_server);
        BOOST_TEST(host.endings.at(0) == client_of_header);
    });
}

BOOST_AUTO_TEST_SUITE_END()
