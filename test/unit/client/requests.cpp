// SPDX-License-Identifier: BSL-1.0
// Messages to the server, and whose reply is whose.
#include "support/client_bench.hpp"
#include "support/printing.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>

#include <stdexcept>

BOOST_AUTO_TEST_SUITE(client_requests)

using namespace std::chrono_literals;
using boost::asio::error::basic_errors;
using millipede::client_options;
using millipede::client_state;
using millipede::errc;
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

auto const obliging = [](scripted_connection& connection, std::size_t) {
    return test::answer_all(connection);
};
auto const silent = [](scripted_connection& connection, std::size_t) {
    return connection.read_to_end();
};

void connect(client_bench& bench, millipede::client& client) {
    outcome result;
    client.async_connect(bench.endpoint(), result.done());
    BOOST_REQUIRE(bench.run_until([&] { return result.over(); }));
    BOOST_REQUIRE(!result.code);
}

} // namespace

BOOST_AUTO_TEST_CASE(typed_requests_have_typed_replies) {
    client_bench bench;
    bench.serve(obliging);
    millipede::client client{bench.context};
    bench.play([&]() -> awaitable<void> {
        co_await client.async_connect(bench.endpoint(), use_awaitable);
        co_await client.async_request(test::login{7}, use_awaitable);
        auto reply = co_await client.async_request<answer>(question{42}, use_awaitable);
        BOOST_TEST(reply.number == 42U);
        auto raw =
            co_await client.async_request(0x6102, millipede::as_bytes("ping"), use_awaitable);
        BOOST_TEST(raw->command == 0x6102);
        BOOST_TEST(test::text_of(raw->data()) == "ping");
        BOOST_TEST(test::text_of(raw.whole()) == frame(0x6102, "ping"));
    });
}

namespace {

struct ping {
    static constexpr std::uint16_t command = 0x6102;
    using reply_type = ping;
    boost::endian::little_uint32_t number;
};

} // namespace

BOOST_AUTO_TEST_CASE(a_request_may_be_of_the_type_of_its_reply) {
    client_bench bench;
    bench.serve(obliging);
    millipede::client client{bench.context};
    bench.play([&]() -> awaitable<void> {
        co_await client.async_connect(bench.endpoint(), use_awaitable);
        auto named = co_await client.async_request(ping{1}, use_awaitable);
        auto wanted = co_await client.async_request<ping>(ping{2}, 1min, use_awaitable);
        BOOST_TEST(named.number == 1U);
        BOOST_TEST(wanted.number == 2U);
    });
}

BOOST_AUTO_TEST_CASE(many_are_under_way_at_once_and_leave_in_one_write) {
    client_bench bench;
    std::size_t first_read = 0;
    bench.serve([&](scripted_connection& connection, std::size_t) -> awaitable<void> {
        co_await connection.socket().async_wait(test::tcp::socket::wait_read, use_awaitable);
        first_read = connection.socket().available();
        co_await test::answer_all(connection);
    });
    millipede::client client{bench.context};
    connect(bench, client);
    std::vector<outcome> outcomes(100);
    for (std::uint32_t index = 0; index < 100; ++index)
        client.async_request<answer>(question{index}, outcomes[index].answered());
    BOOST_REQUIRE(bench.run_until([&] { return outcomes.back().over(); }));
    for (std::uint32_t index = 0; index < 100; ++index) {
        BOOST_TEST(outcomes[index].calls == 1);
        BOOST_TEST(!outcomes[index].code);
        BOOST_TEST(outcomes[index].number == index);
    }
    BOOST_TEST(first_read == 1'200U);
}

BOOST_AUTO_TEST_CASE(replies_of_other_commands_may_overtake) {
    client_bench bench;
    bench.serve([](scripted_connection& connection, std::size_t) -> awaitable<void> {
        co_await connection.read_frame();
        co_await connection.read_frame();
        co_await connection.write(frame(0x6101) + frame(answer::command, number(5)));
        co_await connection.read_to_end();
    });
    millipede::client client{bench.context};
    connect(bench, client);
    outcome asked;
    bool logged_in = false;
    client.async_request<answer>(question{5}, asked.answered());
    client.async_request(test::login{1}, [&](auto code, auto) { logged_in = !code; });
    BOOST_REQUIRE(bench.run_until([&] { return asked.over() && logged_in; }));
    BOOST_TEST(asked.number == 5U);
}

BOOST_AUTO_TEST_CASE(what_is_asked_for_early_waits_for_the_connection) {
    client_bench bench;
    bench.serve(obliging);
    millipede::client client{bench.context};
    outcome connected;
    outcome sent;
    outcome asked;
    client.async_connect(bench.endpoint(), connected.done());
    client.async_send(question{1}, sent.done());
    client.async_request<answer>(question{2}, asked.answered());
    BOOST_REQUIRE(bench.run_until([&] { return sent.over() && asked.over(); }));
    BOOST_TEST(connected.over());
    BOOST_TEST(!sent.code);
    BOOST_TEST(!asked.code);
    // The answer to the first, which nobody awaited, is taken for that to the second: the protocol
    // has no ids, so whoever sends what is answered must ask.
    BOOST_TEST(asked.number == 1U);
}

BOOST_AUTO_TEST_CASE(without_a_connection_everything_fails) {
    client_bench bench;
    millipede::client client{bench.context};
    outcome sent;
    outcome asked;
    outcome received;
    client.async_send(question{1}, sent.done());
    client.async_request<answer>(question{2}, asked.answered());
    client.async_receive([&](auto code, auto) { received.done()(code); });
    BOOST_TEST(!sent.over());
    BOOST_REQUIRE(bench.run_until([&] { return sent.over() && asked.over() && received.over(); }));
    BOOST_TEST(sent.code == basic_errors::not_connected);
    BOOST_TEST(asked.code == basic_errors::not_connected);
    BOOST_TEST(received.code == basic_errors::not_connected);
}

BOOST_AUTO_TEST_CASE(all_that_is_under_way_ends_with_the_connection) {
    client_bench bench;
    bench.serve([](scripted_connection& connection, std::size_t) -> awaitable<void> {
        co_await connection.read_frame();
        co_await connection.read_frame();
    });
    millipede::client client{bench.context};
    connect(bench, client);
    std::array<outcome, 3> outcomes;
    client.async_request<answer>(question{1}, outcomes[0].answered());
    client.async_request<answer>(question{2}, outcomes[1].answered());
    client.async_receive([&](auto code, auto) { outcomes[2].done()(code); });
    BOOST_REQUIRE(bench.run_until([&] { return outcomes[2].over() && outcomes[1].over(); }));
    for (auto const& each : outcomes) {
        BOOST_TEST(each.calls == 1);
        BOOST_TEST(each.code == errc::closed_by_peer);
    }
    BOOST_TEST((client.state() == client_state::closed));
}

BOOST_AUTO_TEST_CASE(a_request_has_its_time) {
    client_bench bench;
    bench.serve(silent);
    millipede::client client{bench.context, {.request_timeout = 1h}};
    connect(bench, client);
    outcome quick;
    outcome patient;
    client.async_request<answer>(question{1}, patient.answered());
    client.async_request<answer>(question{2}, 50ms, quick.answered());
    BOOST_REQUIRE(bench.run_until([&] { return quick.over(); }));
    BOOST_TEST(quick.code == errc::request_timeout);
    BOOST_TEST(!patient.over());
    BOOST_TEST(client.connected());
}

BOOST_AUTO_TEST_CASE(a_late_reply_is_nobody_elses) {
    client_bench bench;
    bool release = false;
    bench.serve([&](scripted_connection& connection, std::size_t) -> awaitable<void> {
        auto first = co_await connection.read_frame();
        while (!release)
            co_await test::pause(1ms);
        co_await connection.write(frame(answer::command, first.substr(8)));
        co_await test::answer_all(connection);
    });
    millipede::client client{bench.context};
    connect(bench, client);
    outcome first;
    // Its place is kept for as long again, in which the reply must come: a generous second.
    client.async_request<answer>(question{1}, 1s, first.answered());
    BOOST_REQUIRE(bench.run_until([&] { return first.over(); }));
    BOOST_TEST(first.code == errc::request_timeout);
    release = true;
    outcome second;
    client.async_request<answer>(question{2}, second.answered());
    BOOST_REQUIRE(bench.run_until([&] { return second.over(); }));
    BOOST_TEST(!second.code);
    BOOST_TEST(second.number == 2U);
    BOOST_TEST(first.calls == 1);
}

BOOST_AUTO_TEST_CASE(a_reply_that_never_comes_ends_the_connection) {
    client_bench bench;
    bench.serve(silent);
    millipede::client client{bench.context};
    connect(bench, client);
    outcome first;
    outcome second;
    client.async_request<answer>(question{1}, 20ms, first.answered());
    client.async_request<answer>(question{2}, 1h, second.answered());
    BOOST_REQUIRE(bench.run_until([&] { return second.over(); }));
    BOOST_TEST(first.code == errc::request_timeout);
    BOOST_TEST(second.code == errc::request_timeout);
    BOOST_TEST((client.state() == client_state::closed));
}

BOOST_AUTO_TEST_CASE(the_time_runs_while_a_request_waits_for_a_connection) {
    client_bench bench; // which accepts nobody: on_connected never gets its reply
    millipede::client client{bench.context};
    client.on_connected([](auto& connection) -> awaitable<void> {
        co_await connection.async_request(test::login{1}, use_awaitable);
    });
    outcome connected;
    outcome asked;
    client.async_connect(bench.endpoint(), connected.done());
    client.async_request<answer>(question{1}, 20ms, asked.answered());
    BOOST_REQUIRE(bench.run_until([&] { return asked.over(); }));
    BOOST_TEST(asked.code == errc::request_timeout);
    BOOST_TEST(!connected.over());
    BOOST_TEST((client.state() == client_state::opening));
}

BOOST_AUTO_TEST_CASE(a_cancelled_request_is_over_and_the_connection_stays) {
    client_bench bench;
    bool release = false;
    bench.serve([&](scripted_connection& connection, std::size_t) -> awaitable<void> {
        while (!release)
            co_await test::pause(1ms);
        co_await test::answer_all(connection);
    });
    millipede::client client{bench.context};
    connect(bench, client);
    outcome first;
    outcome second;
    boost::asio::cancellation_signal signal;
    client.async_request<answer>(
        question{1}, boost::asio::bind_cancellation_slot(signal.slot(), first.answered()));
    client.async_request<answer>(question{2}, second.answered());
    bench.run_for(10ms);
    signal.emit(boost::asio::cancellation_type::terminal);
    BOOST_REQUIRE(bench.run_until([&] { return first.over(); }));
    BOOST_TEST(first.code == basic_errors::operation_aborted);
    release = true;
    BOOST_REQUIRE(bench.run_until([&] { return second.over(); }));
    BOOST_TEST(second.number == 2U); // the reply to the first was recognised and thrown away
    BOOST_TEST(client.connected());
}

BOOST_AUTO_TEST_CASE(what_waits_for_a_connection_is_cancelled_and_never_sent) {
    client_bench bench;
    std::string got;
    bench.serve([&](scripted_connection& connection, std::size_t) -> awaitable<void> {
        got = co_await connection.read_frame();
    });
    millipede::client client{bench.context};
    outcome first;
    outcome second;
    boost::asio::cancellation_signal signal;
    client.async_connect(bench.endpoint(), boost::asio::detached);
    client.async_send(question{1},
                      boost::asio::bind_cancellation_slot(signal.slot(), first.done()));
    client.async_send(question{2}, second.done());
    signal.emit(boost::asio::cancellation_type::terminal);
    BOOST_REQUIRE(bench.run_until([&] { return first.over() && !got.empty(); }));
    BOOST_TEST(first.code == basic_errors::operation_aborted);
    BOOST_TEST(got == frame(question::command, number(2)));
}

BOOST_AUTO_TEST_CASE(cancel_ends_everything_but_the_connection) {
    client_bench bench;
    bench.serve([](scripted_connection& connection, std::size_t) -> awaitable<void> {
        co_await connection.read_frame(); // has no answer, and then everything has one
        co_await connection.write(frame(answer::command, number(1)));
        co_await test::answer_all(connection);
    });
    millipede::client client{bench.context};
    connect(bench, client);
    std::array<outcome, 2> outcomes;
    client.async_request<answer>(question{1}, outcomes[0].answered());
    client.async_receive([&](auto code, auto) { outcomes[1].done()(code); });
    client.cancel();
    BOOST_REQUIRE(bench.run_until([&] { return outcomes[0].over() && outcomes[1].over(); }));
    for (auto const& each : outcomes)
        BOOST_TEST(each.code == basic_errors::operation_aborted);
    outcome next;
    client.async_request<answer>(question{2}, next.answered());
    BOOST_REQUIRE(bench.run_until([&] { return next.over(); }));
    BOOST_TEST(next.number == 2U);
}

BOOST_AUTO_TEST_CASE(a_time_by_awaitable_operators) {
    using namespace boost::asio::experimental::awaitable_operators;
    client_bench bench;
    bench.serve(silent);
    millipede::client client{bench.context};
    bench.play([&]() -> awaitable<void> {
        co_await client.async_connect(bench.endpoint(), use_awaitable);
        auto first = co_await (client.async_request<answer>(question{1}, use_awaitable) ||
                               test::pause(20ms));
        BOOST_TEST(first.index() == 1U);
    });
}

BOOST_AUTO_TEST_CASE(a_reply_of_a_wrong_length_is_an_error_and_the_end) {
    client_bench bench;
    bench.serve([](scripted_connection& connection, std::size_t) -> awaitable<void> {
        co_await connection.read_frame();
        co_await connection.write(frame(answer::command, "12345"));
        co_await connection.read_to_end();
    });
    millipede::client client{bench.context};
    connect(bench, client);
    outcome first;
    outcome second;
    client.async_request<answer>(question{1}, first.answered());
    client.async_request<answer>(question{2}, second.answered());
    BOOST_REQUIRE(bench.run_until([&] { return second.over(); }));
    BOOST_TEST(first.code == errc::bad_message);
    BOOST_TEST(second.code == errc::bad_message);
    BOOST_TEST(first.calls == 1);
    BOOST_TEST((client.state() == client_state::closed));
}

namespace {

struct angry {
    static constexpr std::uint16_t command = answer::command;
    static std::optional<angry> decode(std::span<std::byte const>) {
        throw std::runtime_error{"angry"};
    }
    std::size_t data_size() const { return 0; }
    template <class Sink>
    void encode(Sink&) const {}
};

} // namespace

BOOST_AUTO_TEST_CASE(a_decode_that_throws_is_an_error_and_the_end) {
    client_bench bench;
    bench.serve(obliging);
    millipede::client client{bench.context};
    connect(bench, client);
    outcome result;
    client.async_request<angry>(question{1}, [&](auto code, angry) { result.done()(code); });
    BOOST_REQUIRE(bench.run_until([&] { return result.over(); }));
    BOOST_TEST(result.code == errc::handler_failed);
    BOOST_TEST((client.state() == client_state::closed));
}

BOOST_AUTO_TEST_CASE(requests_are_bounded) {
    client_bench bench;
    bench.serve(silent);
    millipede::client client{bench.context, {.requests_max = 3}};
    std::array<outcome, 5> outcomes;
    outcome connected;
    client.async_connect(bench.endpoint(), connected.done());
    for (auto index : {0U, 1U}) // these wait for the connection
        client.async_request<answer>(question{index}, outcomes[index].answered());
    BOOST_REQUIRE(bench.run_until([&] { return connected.over(); }));
    for (auto index : {2U, 3U})
        client.async_request<answer>(question{index}, outcomes[index].answered());
    client.async_send(question{4}, outcomes[4].done()); // no request
    BOOST_REQUIRE(bench.run_until([&] { return outcomes[3].over() && outcomes[4].over(); }));
    BOOST_TEST(outcomes[3].code == errc::requests_full);
    BOOST_TEST(!outcomes[4].code);
    for (auto index : {0U, 1U, 2U})
        BOOST_TEST(!outcomes[index].over());
}

BOOST_AUTO_TEST_CASE(output_is_bounded_and_leaves_in_its_order) {
    client_bench bench;
    bool read = false;
    std::string got;
    bench.serve([&](scripted_connection& connection, std::size_t) -> awaitable<void> {
        while (!read)
            co_await test::pause(1ms);
        for (;;) {
            auto next = co_await connection.read_frame();
            if (next.empty()) co_return;
            got += next[8];
        }
    });
    millipede::client client{bench.context, {.output_max_bytes = 300'000}};
    connect(bench, client);
    std::string sent;
    std::size_t ended = 0;
    outcome refused;
    auto send = [&](char letter) {
        client.async_send(9, millipede::as_bytes(std::string(60'000, letter)),
                          [&, letter](auto code) {
                              ++ended;
                              if (code) refused.done()(code);
                              if (!code) sent += letter;
                          });
    };
    std::size_t begun = 0;
    for (; !refused.over() && begun < 2'000; ++begun) {
        send(static_cast<char>('a' + begun % 26));
        bench.context.poll();
    }
    BOOST_REQUIRE(refused.over());
    BOOST_TEST(refused.code == errc::output_full);
    BOOST_TEST(refused.calls == 1);
    BOOST_TEST(client.connected());
    read = true;
    BOOST_REQUIRE(bench.run_until([&] { return ended == begun; }));
    BOOST_REQUIRE(bench.run_until([&] { return got.size() == begun - 1; }));
    BOOST_TEST(got == sent);
}

BOOST_AUTO_TEST_CASE(an_empty_queue_takes_a_message_of_any_size) {
    client_bench bench;
    std::size_t size = 0;
    bench.serve([&](scripted_connection& connection, std::size_t) -> awaitable<void> {
        auto got = co_await connection.read_frame();
        size = got.size();
    });
    millipede::client client{bench.context, {.output_max_bytes = 1}};
    connect(bench, client);
    outcome sent;
    client.async_send(9, millipede::as_bytes(std::string(50'000, 'x')), sent.done());
    BOOST_REQUIRE(bench.run_until([&] { return sent.over() && size != 0; }));
    BOOST_TEST(!sent.code);
    BOOST_TEST(size == 50'008U);
}

BOOST_AUTO_TEST_CASE(what_cannot_be_encoded_leaves_the_call) {
    client_bench bench;
    millipede::client client{bench.context};
    BOOST_CHECK_THROW(client.async_send(0xfffc, millipede::as_bytes(""), [](auto) {}),
                      std::invalid_argument);
    BOOST_CHECK_THROW(
        client.async_send(1, millipede::as_bytes(std::string(65'535, 'x')), [](auto) {}),
        std::length_error);
}

BOOST_AUTO_TEST_SUITE_END()
