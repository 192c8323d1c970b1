// SPDX-License-Identifier: BSL-1.0
// Messages that nobody asked for, and servers that say what they should not.
#include "support/client_bench.hpp"
#include "support/printing.hpp"
#include "unit/support/seed.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>

#include <optional>
#include <random>
#include <stdexcept>

BOOST_AUTO_TEST_SUITE(client_pushes)

using namespace std::chrono_literals;
using boost::asio::error::basic_errors;
using millipede::client_options;
using millipede::client_state;
using millipede::errc;
using test::awaitable;
using test::client_bench;
using test::frame;
using test::news;
using test::number;
using test::outcome;
using test::scripted_connection;
using test::use_awaitable;

namespace {

// Says so much and waits for the end.
auto saying(std::string bytes) {
    return [bytes](scripted_connection& connection, std::size_t) -> awaitable<void> {
        co_await connection.write(bytes);
        co_await connection.read_to_end();
    };
}

void connect(client_bench& bench, millipede::client& client) {
    outcome result;
    client.async_connect(bench.endpoint(), result.done());
    BOOST_REQUIRE(bench.run_until([&] { return result.over(); }));
    BOOST_REQUIRE(!result.code);
}

// How a client ends that is told so much.
errc ending_by(std::string const& bytes, bool then_close = false, client_options options = {}) {
    client_bench bench;
    bench.serve([&](scripted_connection& connection, std::size_t) -> awaitable<void> {
        co_await connection.write(bytes);
        if (!then_close) co_await connection.read_to_end();
    });
    millipede::client client{bench.context, options};
    std::optional<boost::system::error_code> why;
    client.on_state([&](client_state state, auto const& reason) {
        if (state == client_state::closed) why = reason;
    });
    client.async_connect(bench.endpoint(), boost::asio::detached);
    BOOST_REQUIRE(bench.run_until([&] { return why.has_value(); }));
    BOOST_REQUIRE((why->category() == millipede::category()));
    return static_cast<errc>(why->value());
}

} // namespace

BOOST_AUTO_TEST_CASE(each_goes_to_its_handler) {
    client_bench bench;
    bench.serve(
        saying(frame(3, number(1)) + frame(5, "five") + frame(6, "six") + frame(3, number(2))));
    millipede::client client{bench.context};
    std::string told;
    client.on<news>([&](news const& got) { told += "news " + std::to_string(got.number) + ","; });
    client.on(5, [&](millipede::frame const& got) { told += test::text_of(got.data()) + ","; });
    client.on_message([&](auto const& got) { told += "other " + test::text_of(got.data()) + ","; });
    connect(bench, client);
    std::string const all = "news 1,five,other six,news 2,";
    BOOST_REQUIRE(bench.run_until([&] { return told.size() >= all.size(); }));
    BOOST_TEST(told == all);
}

BOOST_AUTO_TEST_CASE(a_second_handler_takes_the_place_of_the_first) {
    client_bench bench;
    bench.serve(saying(frame(3, number(1))));
    millipede::client client{bench.context};
    int first = 0;
    int second = 0;
    client.on<news>([&](news const&) { ++first; });
    client.on<news>([&](news const&) { ++second; });
    connect(bench, client);
    BOOST_REQUIRE(bench.run_until([&] { return second == 1; }));
    BOOST_TEST(first == 0);
}

BOOST_AUTO_TEST_CASE(what_has_no_handler_waits_to_be_received) {
    client_bench bench;
    bench.serve(saying(frame(8, "a") + frame(9, "b") + frame(10, "c")));
    millipede::client client{bench.context};
    bench.play([&]() -> awaitable<void> {
        co_await client.async_connect(bench.endpoint(), use_awaitable);
        auto first = co_await client.async_receive(use_awaitable);
        auto copy = first;
        auto second = co_await client.async_receive(use_awaitable);
        auto third = co_await client.async_receive(use_awaitable);
        first = {};
        BOOST_TEST(copy->command == 8);
        BOOST_TEST(test::text_of(copy->data()) == "a");
        BOOST_TEST(second->command == 9);
        BOOST_TEST(test::text_of((*third).data()) == "c");
    });
}

BOOST_AUTO_TEST_CASE(those_who_wait_are_served_in_their_order) {
    client_bench bench;
    bool release = false;
    bench.serve([&](scripted_connection& connection, std::size_t) -> awaitable<void> {
        while (!release)
            co_await test::pause(1ms);
        co_await connection.write(frame(8, "a") + frame(8, "b"));
        co_await connection.read_to_end();
    });
    millipede::client client{bench.context};
    connect(bench, client);
    std::string got;
    outcome given_up;
    boost::asio::cancellation_signal signal;
    auto record = [&](auto code, auto message) {
        if (!code) got += test::text_of(message->data());
    };
    client.async_receive(boost::asio::bind_cancellation_slot(
        signal.slot(), [&](auto code, auto) { given_up.done()(code); }));
    client.async_receive(record);
    client.async_receive(record);
    signal.emit(boost::asio::cancellation_type::partial);
    release = true;
    BOOST_REQUIRE(bench.run_until([&] { return given_up.over() && got.size() == 2; }));
    BOOST_TEST(given_up.code == basic_errors::operation_aborted);
    BOOST_TEST(got == "ab");
}

BOOST_AUTO_TEST_CASE(what_came_before_the_end_can_still_be_received) {
    client_bench bench;
    bench.serve([](scripted_connection& connection, std::size_t) -> awaitable<void> {
        co_await connection.write(frame(8, "a"));
    });
    millipede::client client{bench.context};
    client.async_connect(bench.endpoint(), boost::asio::detached);
    BOOST_REQUIRE(bench.run_until([&] { return client.connected(); }));
    BOOST_REQUIRE(bench.run_until([&] { return !client.connected(); }));
    outcome first;
    outcome second;
    client.async_receive([&](auto code, auto) { first.done()(code); });
    client.async_receive([&](auto code, auto) { second.done()(code); });
    BOOST_REQUIRE(bench.run_until([&] { return second.over(); }));
    BOOST_TEST(!first.code);
    BOOST_TEST(second.code == basic_errors::not_connected);
}

BOOST_AUTO_TEST_CASE(messages_that_nobody_takes_are_bounded) {
    std::string endless;
    for (int count = 0; count < 2'000; ++count)
        endless += frame(8, std::string(100, 'x'));
    BOOST_TEST(ending_by(endless, false, {.input_max_bytes = 64 * 1'024}) == errc::input_full);
    // Replies to no request are nothing else.
    BOOST_TEST(ending_by(endless + endless) == errc::input_full);
}

BOOST_AUTO_TEST_CASE(garbage_is_refused_by_what_it_is) {
    BOOST_TEST(ending_by("HTTP/1.1 400 Bad Request\r\n\r\n") == errc::bad_magic);
    BOOST_TEST(ending_by(std::string{"\xf7\x9a\xb6\x8e\x07\0\x01\0", 8}) == errc::bad_size);
    BOOST_TEST(ending_by(std::string{"\xf7\x9a\xb6\x8e\x08\0\xff\xff", 8}) ==
               errc::unknown_command);
    client_bench bench;
    bench.serve(saying(frame(8, std::string(100, 'x'))));
    millipede::client client{bench.context, {}, millipede::frame_codec{{.size_max = 100}}};
    outcome received;
    client.async_connect(bench.endpoint(), boost::asio::detached);
    client.async_receive([&](auto code, auto) { received.done()(code); });
    BOOST_REQUIRE(bench.run_until([&] { return received.over(); }));
    BOOST_TEST(received.code == errc::bad_size);
}

BOOST_AUTO_TEST_CASE(a_push_of_a_wrong_length_ends_the_connection) {
    client_bench bench;
    bench.serve(saying(frame(3, "12345")));
    millipede::client client{bench.context};
    std::optional<boost::system::error_code> why;
    client.on<news>([](news const&) {});
    client.on_state([&](client_state state, auto const& reason) {
        if (state == client_state::closed) why = reason;
    });
    client.async_connect(bench.endpoint(), boost::asio::detached);
    BOOST_REQUIRE(bench.run_until([&] { return why.has_value(); }));
    BOOST_TEST(*why == errc::bad_message);
}

BOOST_AUTO_TEST_CASE(a_stream_cut_within_a_message_says_so) {
    auto whole = frame(8, "data");
    for (std::size_t size = 0; size <= whole.size(); ++size)
        BOOST_TEST_CONTEXT("cut after " << size) {
            auto clean = size == 0 || size == whole.size();
            BOOST_TEST(ending_by(whole.substr(0, size), true) ==
                       (clean ? errc::closed_by_peer : errc::stream_truncated));
        }
}

BOOST_AUTO_TEST_CASE(messages_may_be_cut_and_joined_anywhere) {
    auto seed = millipede::test::random_seed();
    BOOST_TEST_MESSAGE("seed " << seed);
    std::mt19937 random{seed};
    std::string stream;
    std::string expected;
    for (int count = 0; count < 300; ++count) {
        std::string data(random() % 40 == 0 ? random() % 60'000 : random() % 30, 'a');
        for (auto& letter : data)
            letter = static_cast<char>(random());
        stream += frame(8, data);
        expected += data;
    }
    client_bench bench;
    bench.serve([&](scripted_connection& connection, std::size_t) -> awaitable<void> {
        for (std::size_t at = 0; at < stream.size();) {
            auto size = random() % 4 == 0 ? random() % 30'000 + 1 : random() % 20 + 1;
            co_await connection.write(stream.substr(at, size));
            at += size;
            if (random() % 2 == 0) co_await test::pause(0ms);
        }
        co_await connection.read_to_end();
    });
    millipede::client client{bench.context};
    std::string got;
    client.on(8, [&](millipede::frame const& each) { got += test::text_of(each.data()); });
    connect(bench, client);
    BOOST_REQUIRE(bench.run_until([&] { return got.size() >= expected.size(); }));
    BOOST_TEST((got == expected));
}

BOOST_AUTO_TEST_CASE(an_exception_leaves_through_the_executor_and_ends_the_connection) {
    client_bench bench;
    bench.serve(saying(frame(3, number(1)) + frame(3, number(2))));
    millipede::client client{bench.context};
    int calls = 0;
    std::optional<boost::system::error_code> why;
    client.on<news>([&](news const&) {
        ++calls;
        throw std::runtime_error{"of the handler"};
    });
    client.on_state([&](client_state state, auto const& reason) {
        if (state == client_state::closed) why = reason;
    });
    client.async_connect(bench.endpoint(), boost::asio::detached);
    BOOST_CHECK_EXCEPTION(
        bench.run_until([&] { return why.has_value(); }), std::runtime_error,
        [](auto const& thrown) { return std::string{thrown.what()} == "of the handler"; });
    BOOST_REQUIRE(bench.run_until([&] { return why.has_value(); }));
    BOOST_TEST(*why == errc::handler_failed);
    BOOST_TEST(calls == 1);
}

BOOST_AUTO_TEST_CASE(a_handler_may_close_or_destroy_its_client) {
    for (bool destroys : {false, true}) {
        for (auto size : {4UL, 20'000UL}) { // in place, and put together from pieces
            client_bench bench;
            bench.serve(saying(frame(3, std::string(size, 'x')) + frame(3, "next")));
            auto client = std::make_unique<millipede::client>(bench.context);
            std::string got;
            client->on(3, [&](millipede::frame const& each) {
                if (destroys)
                    client.reset();
                else
                    client->close();
                got += test::text_of(each.data()); // valid until the handler returns
            });
            client->async_connect(bench.endpoint(), boost::asio::detached);
            BOOST_REQUIRE(bench.run_until([&] { return !got.empty(); }));
            bench.run_for(5ms);
            BOOST_TEST((got == std::string(size, 'x')));
        }
    }
}

BOOST_AUTO_TEST_CASE(a_handler_may_close_and_set_others) {
    client_bench bench;
    bench.serve(saying(frame(3, number(1))));
    millipede::client client{bench.context};
    std::string told;
    std::string const own(100, 'a'); // long enough to be lost with the handler
    client.on(3, [&, own](millipede::frame const&) {
        client.close();
        client.on(3, [&](millipede::frame const&) { told += "b"; });
        told += own;
        client.async_connect(bench.endpoint(), boost::asio::detached);
    });
    connect(bench, client);
    BOOST_REQUIRE(bench.run_until([&] { return told.size() == 101; }));
    BOOST_TEST(told == own + "b");
}

BOOST_AUTO_TEST_CASE(a_handler_may_run_other_clients_from_within) {
    client_bench bench;
    bench.serve(saying(frame(3, std::string(100, 'x')) + frame(3, std::string(100, 'y'))));
    millipede::client first{bench.context};
    millipede::client second{bench.context};
    std::string got;
    first.on(3, [&](millipede::frame const& each) {
        if (got.empty()) bench.run_for(20ms); // in which the second one reads
        got += test::text_of(each.data());
    });
    second.on_message([](auto const&) {});
    first.async_connect(bench.endpoint(), boost::asio::detached);
    second.async_connect(bench.endpoint(), boost::asio::detached);
    BOOST_REQUIRE(bench.run_until([&] { return got.size() == 200; }));
    BOOST_TEST((got == std::string(100, 'x') + std::string(100, 'y')));
}

BOOST_AUTO_TEST_SUITE_END()
