// SPDX-License-Identifier: BSL-1.0
// Heartbeats, and what a client does when its connection has ended.
#include "support/client_bench.hpp"
#include "support/printing.hpp"

#include <optional>
#include <stdexcept>

BOOST_AUTO_TEST_SUITE(client_coming_back)

using namespace std::chrono_literals;
using boost::asio::error::basic_errors;
using millipede::client_options;
using millipede::client_state;
using millipede::errc;
using millipede::reconnect_options;
using std::chrono::steady_clock;
using test::answer;
using test::awaitable;
using test::client_bench;
using test::frame;
using test::number;
using test::outcome;
using test::question;
using test::scripted_connection;
using test::use_awaitable;

namespace {

struct goodbye {
    static constexpr std::uint16_t command = 4;
    boost::endian::little_uint32_t come_back_after_milliseconds;
};

client_options coming_back(reconnect_options how = {.base = 1ms, .cap = 5ms}) {
    return {.reconnect = how};
}

auto const log_in = [](auto& connection) -> awaitable<void> {
    co_await connection.async_request(test::login{7}, use_awaitable);
};

void connect(client_bench& bench, millipede::client& client) {
    outcome result;
    client.async_connect(bench.endpoint(), result.done());
    BOOST_REQUIRE(bench.run_until([&] { return result.over(); }));
    BOOST_REQUIRE(!result.code);
}

} // namespace

BOOST_AUTO_TEST_CASE(a_silent_server_is_asked_for_a_sign_of_life) {
    client_bench bench;
    std::vector<std::string> asked;
    bench.serve([&](scripted_connection& connection, std::size_t) -> awaitable<void> {
        for (;;) {
            asked.push_back(co_await connection.read_frame());
            if (asked.back().empty()) co_return;
            co_await connection.write(asked.back());
        }
    });
    millipede::client client{bench.context,
                             {.heartbeat_interval = 10ms, .heartbeat_timeout = 1min}};
    connect(bench, client);
    BOOST_REQUIRE(bench.run_until([&] { return asked.size() == 5; }));
    for (auto const& each : asked)
        BOOST_TEST(each == frame(0x6102));
    BOOST_TEST(client.connected());
}

BOOST_AUTO_TEST_CASE(a_server_that_gives_no_sign_is_dead) {
    client_bench bench;
    bench.serve([](scripted_connection& connection, std::size_t) -> awaitable<void> {
        co_await connection.read_to_end();
    });
    millipede::client client{bench.context,
                             {.heartbeat_interval = 20ms, .heartbeat_timeout = 30ms}};
    outcome received;
    auto begin = steady_clock::now();
    connect(bench, client);
    client.async_receive([&](auto code, auto) { received.done()(code); });
    BOOST_REQUIRE(bench.run_until([&] { return received.over(); }));
    BOOST_TEST(received.code == errc::heartbeat_timeout);
    BOOST_TEST((received.code == millipede::close_reason::timeout));
    BOOST_TEST((steady_clock::now() - begin >= 50ms)); // never early
}

BOOST_AUTO_TEST_CASE(any_input_is_a_sign_of_life) {
    client_bench bench;
    int asked = 0;
    bench.serve([&](scripted_connection& connection, std::size_t) -> awaitable<void> {
        auto got = co_await connection.read_frame(); // and gives no answer to it
        asked += got.empty() ? 0 : 1;
        for (int count = 0; count < 20; ++count) {
            co_await connection.write(frame(3, number(1)));
            co_await test::pause(10ms);
        }
        co_await connection.read_to_end();
    });
    // However slow the machine: it must miss by a factor of two hundred for the test to fail.
    millipede::client client{bench.context, {.heartbeat_interval = 20ms, .heartbeat_timeout = 2s}};
    int news = 0;
    client.on_message([&](auto const&) { ++news; });
    connect(bench, client);
    BOOST_REQUIRE(bench.run_until([&] { return news == 20; }));
    BOOST_TEST(asked == 1);
    BOOST_TEST(client.connected());
}

BOOST_AUTO_TEST_CASE(cancel_leaves_heartbeats_alone) {
    client_bench bench;
    int asked = 0;
    bench.serve([&](scripted_connection& connection, std::size_t) -> awaitable<void> {
        for (;;) {
            auto got = co_await connection.read_frame();
            if (got.empty()) co_return;
            ++asked;
            co_await test::pause(5ms);
            co_await connection.write(got);
        }
    });
    millipede::client client{bench.context, {.heartbeat_interval = 5ms, .heartbeat_timeout = 1min}};
    connect(bench, client);
    BOOST_REQUIRE(bench.run_until([&] { return asked == 1; }));
    client.cancel();
    BOOST_REQUIRE(bench.run_until([&] { return asked == 4; }));
    BOOST_TEST(client.connected());
}

BOOST_AUTO_TEST_CASE(a_login_comes_first_on_every_connection) {
    client_bench bench;
    std::vector<std::string> heard;
    bench.serve([&](scripted_connection& connection, std::size_t index) -> awaitable<void> {
        for (int count = 0; count < 2; ++count) {
            auto got = co_await connection.read_frame();
            if (got.empty()) co_return;
            heard.push_back(std::to_string(index) + (got.size() == 10 ? " login" : " question"));
            co_await test::pause(5ms); // a question that did not wait would come in front
            auto reply = got.size() == 10 ? frame(0x6101) : frame(answer::command, got.substr(8));
            co_await connection.write(reply);
        }
    });
    millipede::client client{bench.context, coming_back()};
    client.on_connected(log_in);
    outcome connected;
    client.async_connect(bench.endpoint(), connected.done());
    for (std::uint32_t asked = 0; asked < 3; ++asked) {
        outcome answered;
        client.async_request<answer>(question{asked}, answered.answered());
        BOOST_REQUIRE(bench.run_until([&] { return answered.over(); }));
        BOOST_TEST(!answered.code);
        BOOST_TEST(answered.number == asked);
        BOOST_REQUIRE(bench.run_until([&] { return !client.connected(); }));
    }
    BOOST_TEST(connected.calls == 1);
    BOOST_TEST((heard == std::vector<std::string>{"0 login", "0 question", "1 login", "1 question",
                                                  "2 login", "2 question"}));
}

BOOST_AUTO_TEST_CASE(what_was_handed_over_fails_and_what_waits_is_kept) {
    client_bench bench;
    bool alive = true;
    bench.serve([&](scripted_connection& connection, std::size_t index) -> awaitable<void> {
        if (index == 0) {
            co_await connection.read_frame();
            co_return; // takes the question along
        }
        co_await test::answer_all(connection);
    });
    millipede::client client{bench.context, coming_back()};
    outcome lost;
    outcome kept;
    outcome received;
    client.on_state([&](client_state state, auto const&) {
        if (state == client_state::waiting && std::exchange(alive, false))
            client.async_request<answer>(question{2}, kept.answered());
    });
    connect(bench, client);
    client.async_request<answer>(question{1}, lost.answered());
    client.async_receive([&](auto code, auto) { received.done()(code); });
    BOOST_REQUIRE(bench.run_until([&] { return lost.over() && kept.over(); }));
    BOOST_TEST(lost.code == errc::closed_by_peer);
    BOOST_TEST(!kept.code);
    BOOST_TEST(kept.number == 2U);
    BOOST_TEST(!received.over()); // goes on over the end of a connection
    client.close();
    BOOST_REQUIRE(bench.run_until([&] { return received.over(); }));
    BOOST_TEST(received.code == basic_errors::operation_aborted);
}

BOOST_AUTO_TEST_CASE(a_client_that_does_not_come_back_ends) {
    client_bench bench;
    bench.serve([](scripted_connection&, std::size_t) -> awaitable<void> { co_return; });
    millipede::client client{bench.context};
    connect(bench, client);
    BOOST_REQUIRE(bench.run_until([&] { return client.state() == client_state::closed; }));
    bench.run_for(20ms);
    BOOST_TEST(bench.accepted == 1U);
}

BOOST_AUTO_TEST_CASE(the_first_attempt_is_the_only_one_unless_said_otherwise) {
    client_bench bench;
    auto port = bench.endpoint();
    bench.acceptor.close();
    millipede::client client{bench.context, coming_back()};
    outcome result;
    client.async_connect(port, result.done());
    BOOST_REQUIRE(bench.run_until([&] { return result.over(); }));
    BOOST_TEST(result.code == basic_errors::connection_refused);
    BOOST_TEST((client.state() == client_state::closed));

    millipede::client stubborn{bench.context,
                               coming_back({.base = 1ms, .cap = 5ms, .from_the_start = true})};
    outcome connected;
    int pauses = 0;
    stubborn.on_state([&](client_state state, auto const& why) {
        if (state != client_state::waiting || ++pauses != 4) return;
        BOOST_TEST(why == basic_errors::connection_refused);
        bench.acceptor = test::tcp::acceptor{bench.context, port};
        bench.serve([](scripted_connection& connection, std::size_t) -> awaitable<void> {
            co_await connection.read_to_end();
        });
    });
    stubborn.async_connect(port, connected.done());
    BOOST_REQUIRE(bench.run_until([&] { return connected.over(); }));
    BOOST_TEST(!connected.code);
    BOOST_TEST(pauses == 4);
}

BOOST_AUTO_TEST_CASE(it_gives_up_after_so_many_failures_in_a_row) {
    client_bench bench;
    bench.serve([&](scripted_connection&, std::size_t index) -> awaitable<void> {
        if (index == 1) bench.acceptor.close(); // by then it has come back once
        co_return;
    });
    millipede::client client{bench.context,
                             coming_back({.base = 1ms, .cap = 2ms, .attempts_max = 3})};
    int attempts = 0;
    std::optional<boost::system::error_code> why;
    client.on_state([&](client_state state, auto const& reason) {
        if (state == client_state::connecting) ++attempts;
        if (state == client_state::closed) why = reason;
    });
    outcome received;
    client.async_connect(bench.endpoint(), boost::asio::detached);
    client.async_receive([&](auto code, auto) { received.done()(code); });
    BOOST_REQUIRE(bench.run_until([&] { return why.has_value() && received.over(); }));
    BOOST_TEST(*why == basic_errors::connection_refused);
    BOOST_TEST(received.code == basic_errors::connection_refused);
    BOOST_TEST(attempts == 1 + 1 + 3);
}

BOOST_AUTO_TEST_CASE(the_servers_time_to_come_back_is_heeded) {
    client_bench bench;
    std::vector<steady_clock::time_point> came;
    bench.serve([&](scripted_connection& connection, std::size_t index) -> awaitable<void> {
        came.push_back(steady_clock::now());
        if (index == 0) co_return co_await connection.write(frame(goodbye::command, number(150)));
        co_await connection.read_to_end();
    });
    millipede::client client{bench.context, coming_back()};
    client.on<goodbye>([&](goodbye const& said) {
        client.come_back_after(std::chrono::milliseconds{said.come_back_after_milliseconds});
    });
    connect(bench, client);
    BOOST_REQUIRE(bench.run_until([&] { return came.size() == 2; }));
    BOOST_TEST((came[1] - came[0] >= 150ms)); // its own pauses are 5 ms at most
}

BOOST_AUTO_TEST_CASE(no_server_sends_a_client_away_for_ever) {
    client_bench bench;
    bench.serve([&](scripted_connection& connection, std::size_t index) -> awaitable<void> {
        if (index == 0)
            co_return co_await connection.write(frame(goodbye::command, number(0xffff'ffff)));
        co_await connection.read_to_end();
    });
    millipede::client client{bench.context,
                             coming_back({.base = 1ms, .cap = 5ms, .come_back_max = 20ms})};
    client.on<goodbye>([&](goodbye const& said) {
        client.come_back_after(std::chrono::milliseconds{said.come_back_after_milliseconds});
    });
    connect(bench, client);
    BOOST_REQUIRE(bench.run_until([&] { return bench.accepted == 2; }));
}

BOOST_AUTO_TEST_CASE(a_login_that_fails_ends_the_attempt) {
    client_bench bench;
    bench.serve([](scripted_connection& connection, std::size_t) -> awaitable<void> {
        co_await connection.read_frame(); // no reply to it
    });
    millipede::client client{bench.context};
    client.on_connected(log_in);
    outcome result;
    client.async_connect(bench.endpoint(), result.done());
    BOOST_REQUIRE(bench.run_until([&] { return result.over(); }));
    BOOST_TEST(result.code == errc::closed_by_peer);

    millipede::client refused{bench.context};
    refused.on_connected([](auto&) -> awaitable<void> {
        throw boost::system::system_error{boost::asio::error::access_denied};
        co_return;
    });
    outcome second;
    refused.async_connect(bench.endpoint(), second.done());
    BOOST_REQUIRE(bench.run_until([&] { return second.over(); }));
    BOOST_TEST(second.code == basic_errors::access_denied);

    millipede::client broken{bench.context};
    broken.on_connected([](auto&) -> awaitable<void> {
        throw std::runtime_error{"no code"};
        co_return;
    });
    outcome third;
    broken.async_connect(bench.endpoint(), third.done());
    BOOST_REQUIRE(bench.run_until([&] { return third.over(); }));
    BOOST_TEST(third.code == errc::handler_failed);
}

BOOST_AUTO_TEST_CASE(a_login_without_a_reply_is_bounded_by_the_time_to_connect) {
    client_bench bench;
    bench.serve([](scripted_connection& connection, std::size_t) -> awaitable<void> {
        co_await connection.read_to_end();
    });
    millipede::client client{bench.context, {.connect_timeout = 50ms}};
    client.on_connected(log_in);
    outcome result;
    client.async_connect(bench.endpoint(), result.done());
    BOOST_REQUIRE(bench.run_until([&] { return result.over(); }));
    BOOST_TEST(result.code == errc::connect_timeout);
}

BOOST_AUTO_TEST_CASE(a_former_connection_is_of_no_use_to_whoever_kept_it) {
    client_bench bench;
    bench.serve([&](scripted_connection& connection, std::size_t index) -> awaitable<void> {
        if (index == 0) co_return;
        co_await connection.read_to_end();
    });
    millipede::client client{bench.context, coming_back()};
    std::vector<millipede::client_opening<millipede::frame_codec>> kept;
    client.on_connected([&](auto& connection) -> awaitable<void> {
        kept.push_back(std::move(connection));
        co_return;
    });
    connect(bench, client);
    BOOST_REQUIRE(bench.run_until([&] { return kept.size() == 2 && client.connected(); }));
    outcome former;
    outcome present;
    kept[0].async_send(question{1}, former.done());
    kept[1].async_send(question{1}, present.done());
    BOOST_REQUIRE(bench.run_until([&] { return former.over() && present.over(); }));
    BOOST_TEST(former.code == basic_errors::not_connected);
    BOOST_TEST(!present.code);
}

BOOST_AUTO_TEST_SUITE_END()
