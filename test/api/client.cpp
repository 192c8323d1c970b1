// SPDX-License-Identifier: BSL-1.0
// The library's clients and the library's servers.
#include "support/client_bench.hpp"
#include "support/printing.hpp"
#include "support/running_server.hpp"

#include <millipede/base/endpoint.hpp>

#include <optional>

BOOST_AUTO_TEST_SUITE(clients)

using namespace std::chrono_literals;
using millipede::client_options;
using millipede::client_state;
using millipede::errc;
using millipede::reconnect_options;
using std::chrono::milliseconds;
using std::chrono::steady_clock;
using test::answer;
using test::awaitable;
using test::client_bench;
using test::eventually;
using test::news;
using test::outcome;
using test::question;
using test::quiet_options;
using test::running_server;
using test::use_awaitable;

namespace {

struct goodbye {
    static constexpr std::uint16_t command = 4;
    boost::endian::little_uint32_t come_back_after_milliseconds;
};

struct host_type : running_server<> {
    explicit host_type(millipede::options wanted = quiet_options())
        : running_server{std::move(wanted)} {
        server.on<test::login>([this](auto& connection, test::login const& who) {
            logins.add(who.uid);
            connection.send(test::login_done{});
        });
        server.on<question>([](auto& connection, question const& asked) {
            connection.send(news{asked.number});
            connection.send(answer{asked.number});
        });
        server.on(0x6102, [this](auto& connection, millipede::frame const& ping) {
            ++pings;
            connection.send(ping);
        });
        server.on_drain([this](auto& connection, milliseconds come_back_after) {
            come_back.add(come_back_after);
            connection.send(goodbye{static_cast<std::uint32_t>(come_back_after.count())});
        });
    }
    ~host_type() { stop(); }
    test::tcp::endpoint endpoint() const { return server.endpoints().at(0); }

    test::recorded<int> logins;
    test::recorded<milliseconds> come_back;
    std::atomic<int> pings{0};
};

auto const log_in = [](auto& connection) -> awaitable<void> {
    co_await connection.async_request(test::login{7}, use_awaitable);
};

} // namespace

BOOST_AUTO_TEST_CASE(logs_in_asks_and_is_pushed_to) {
    test::with_both_transports([](auto kind) {
        host_type host{quiet_options(kind)};
        host.start();
        client_bench bench;
        millipede::client client{bench.context};
        std::vector<std::uint32_t> told;
        client.on<news>([&](news const& push) { told.push_back(push.number); });
        client.on_connected(log_in);
        bench.play([&]() -> awaitable<void> {
            co_await client.async_connect(host.endpoint(), use_awaitable);
            for (std::uint32_t number = 1; number <= 3; ++number) {
                auto reply = co_await client.async_request<answer>(question{number}, use_awaitable);
                BOOST_TEST(reply.number == number);
            }
        });
        BOOST_TEST((told == std::vector<std::uint32_t>{1, 2, 3}));
        BOOST_TEST((host.logins.all() == std::vector{7}));
    });
}

BOOST_AUTO_TEST_CASE(heartbeats_keep_a_connection_from_being_idle) {
    auto wanted = quiet_options();
    wanted.idle_timeout = 600ms;
    host_type host{wanted};
    host.start();
    client_bench bench;
    millipede::client with{bench.context, {.heartbeat_interval = 50ms}};
    millipede::client without{bench.context};
    with.async_connect(host.endpoint(), boost::asio::detached);
    without.async_connect(host.endpoint(), boost::asio::detached);
    BOOST_REQUIRE(bench.run_until([&] { return without.connected() && with.connected(); }));
    BOOST_REQUIRE(bench.run_until([&] { return !without.connected(); }));
    BOOST_TEST(with.connected());
    BOOST_TEST(host.pings > 0);
}

// A client that says nothing by itself is there none the less.
BOOST_AUTO_TEST_CASE(a_server_that_asks_for_a_sign_of_life_gets_one) {
    auto wanted = quiet_options();
    wanted.idle_timeout = 1'200ms;
    wanted.heartbeat_interval = 200ms;
    host_type host{wanted};
    host.start();
    client_bench bench;
    millipede::client silent{bench.context};
    silent.async_connect(host.endpoint(), boost::asio::detached);
    BOOST_REQUIRE(bench.run_until([&] { return silent.connected(); }));
    BOOST_REQUIRE(bench.run_until(
        [&] { return host.server.metrics().heartbeats >= 8 || !silent.connected(); }));
    BOOST_TEST(silent.connected()); // after more than the idle timeout
    BOOST_TEST(host.server.metrics().messages_received >= 7U);
}

BOOST_AUTO_TEST_CASE(a_drained_server_says_when_to_come_back_and_the_next_one_gets_the_login) {
    auto first = std::make_unique<host_type>(test::clients_stay());
    first->start();
    auto endpoint = first->endpoint();
    client_bench bench;
    millipede::client client{bench.context,
                             {.reconnect = reconnect_options{.base = 20ms, .cap = 50ms}}};
    std::optional<steady_clock::time_point> told;
    std::optional<steady_clock::time_point> came_back;
    client.on_connected(log_in);
    client.on<goodbye>([&](goodbye const& said) {
        told = steady_clock::now();
        client.come_back_after(milliseconds{said.come_back_after_milliseconds});
    });
    client.on_state([&](client_state state, auto const&) {
        if (told && !came_back && state == client_state::connecting)
            came_back = steady_clock::now();
    });
    client.async_connect(endpoint, boost::asio::detached);
    BOOST_REQUIRE(bench.run_until([&] { return client.connected(); }));
    first->server.drain(10s, 300ms);
    BOOST_REQUIRE(bench.run_until([&] { return told && !client.connected(); }));
    first->join();
    auto pause = first->come_back.at(0);
    first.reset();

    auto wanted = test::clients_stay();
    wanted.listen = {millipede::to_string(endpoint)};
    host_type second{wanted};
    second.start();
    BOOST_REQUIRE(bench.run_until([&] { return second.logins.size() == 1; }));
    BOOST_TEST((*came_back - *told >= pause));
    BOOST_REQUIRE(bench.run_until([&] { return client.connected(); }));
}

BOOST_AUTO_TEST_CASE(what_the_server_refuses_ends_the_connection) {
    host_type host;
    host.start();
    client_bench bench;
    millipede::client client{bench.context};
    client.async_connect(host.endpoint(), boost::asio::detached);
    outcome answered;
    client.async_request(0x7777, millipede::as_bytes("?"),
                         [&](auto code, auto) { answered.done()(code); });
    BOOST_REQUIRE(bench.run_until([&] { return answered.over(); }));
    BOOST_TEST(answered.code == errc::closed_by_peer);
}

BOOST_AUTO_TEST_SUITE_END()
