// SPDX-License-Identifier: BSL-1.0
// A coroutine per connection: what it receives and sends, how it waits, and how both end.
#include "support/captured_log.hpp"
#include "support/printing.hpp"
#include "support/running_server.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/endian/arithmetic.hpp>
#include <boost/test/unit_test.hpp>

#include <atomic>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <malloc.h>

BOOST_AUTO_TEST_SUITE(coroutines)

namespace {

using namespace std::chrono_literals;
using namespace boost::asio::experimental::awaitable_operators;
using boost::asio::as_tuple;
using boost::asio::awaitable;
using boost::asio::use_awaitable;
using boost::system::system_error;
using millipede::close_reason;
using millipede::connection_id;
using millipede::errc;
using millipede::error_code;
using millipede::frame;
using test::clients_stay;
using test::eventually;
using test::quiet_options;
using test::recorded;
using test::running_server;
using test::text_of;
using test::with_both_transports;

constexpr std::uint16_t echo = 1;
constexpr std::uint16_t other = 2;

struct login {
    static constexpr std::uint16_t command = 3;
    boost::endian::little_uint16_t uid;
};

struct visitor {
    int uid = 0;
};

using talk = millipede::conversation<>;
using visit = millipede::conversation<visitor>;

awaitable<void> sleep_for(std::chrono::milliseconds time) {
    boost::asio::steady_timer timer{co_await boost::asio::this_coro::executor, time};
    co_await timer.async_wait(use_awaitable);
}

awaitable<void> until(std::atomic<bool> const& is) {
    while (!is)
        co_await sleep_for(1ms);
}

awaitable<void> echo_all(talk peer) {
    for (;;)
        co_await peer.async_send(co_await peer.async_receive());
}

// Counts the coroutines whose locals live.
class alive {
  public:
    explicit alive(std::atomic<int>& count) : count_{&count} { ++*count_; }
    ~alive() { --*count_; }
    alive(alive const&) = delete;
    alive& operator=(alive const&) = delete;

  private:
    std::atomic<int>* count_;
};

std::string frames(std::size_t from, std::size_t to) {
    std::string bytes;
    for (auto number = from; number < to; ++number)
        bytes += test::frame(echo, "message " + std::to_string(number));
    return bytes;
}

} // namespace

BOOST_AUTO_TEST_CASE(echoes_whatever_way_it_comes_in) {
    with_both_transports([](auto kind) {
        running_server<> host{quiet_options(kind)};
        host.server.on_connection(echo_all);
        host.start();
        auto client = host.connect();
        for (auto bytes : {test::frame(echo, "one"), frames(0, 1'000), test::frame(echo),
                           test::frame(other, std::string(60'000, 'x'))}) {
            BOOST_TEST(client.send(bytes.substr(0, 5)));
            BOOST_TEST(client.send(bytes.substr(5)));
            BOOST_TEST((client.read(bytes.size()) == bytes));
        }
    });
}

BOOST_AUTO_TEST_CASE(run_with_a_coroutine_serves_until_it_is_stopped) {
    millipede::server<> server{quiet_options()};
    server.start();
    std::thread late{[&] { // run(talk) would come too late for a server that has been started
        test::raw_client client{server.endpoints()[0]};
        client.close();
        server.stop();
    }};
    BOOST_CHECK_THROW(server.run(echo_all), std::logic_error);
    server.run();
    late.join();

    millipede::server<> again{quiet_options()};
    recorded<test::raw_client::endpoint_type> where;
    std::string got;
    again.every(1ms, [&] { where.add(again.endpoints()[0]); });
    std::thread speaks{[&] {
        if (where.wait_for(1)) {
            test::raw_client client{where.at(0)};
            client.send(test::frame(echo, "hello"));
            got = client.read_frame();
        }
        again.stop();
    }};
    again.run(echo_all);
    speaks.join();
    BOOST_TEST((got == test::frame(echo, "hello")));
}

BOOST_AUTO_TEST_CASE(handlers_and_coroutines_share_a_session) {
    recorded<int> uids;
    running_server<visitor> host;
    host.server.on<login>(
        [](auto& connection, login const& message) { connection->uid = message.uid; });
    host.server.on_connection([&](visit peer) -> awaitable<void> {
        co_await peer.async_receive();
        uids.add(peer->uid);
        peer->uid = 9;
    });
    host.server.on_close([&](auto& connection, auto) { uids.add(connection->uid); });
    host.start();
    auto client = host.connect();
    client.send(test::frame(login::command, "\x07" + std::string(1, '\0')) + test::frame(echo));
    BOOST_TEST(client.read_to_end().clean);
    BOOST_TEST(uids.wait_for(2));
    BOOST_TEST((uids.all() == std::vector{7, 9}));
}

BOOST_AUTO_TEST_CASE(a_type_may_be_asked_for) {
    recorded<int> uids;
    recorded<error_code> told;
    recorded<error_code> endings;
    running_server<> host;
    host.server.on_connection([&](talk peer) -> awaitable<void> {
        uids.add((co_await peer.async_receive<login>()).uid);
        auto [failure, second] = co_await peer.async_receive<login>(as_tuple(use_awaitable));
        told.add(failure);
        co_await peer.async_receive<login>(); // throws the same, which is no failure
    });
    host.server.on_close([&](auto&, error_code const& reason) { endings.add(reason); });
    host.start();
    auto good = test::frame(login::command, "\x07" + std::string(1, '\0'));
    for (auto& [second, reason] : {std::pair{test::frame(echo), errc::unknown_command},
                                   std::pair{test::frame(login::command), errc::bad_message}}) {
        auto before = endings.size();
        auto client = host.connect();
        client.send(good + second + good);
        BOOST_TEST(client.read_to_end().clean);
        BOOST_TEST(endings.wait_for(before + 1));
        BOOST_TEST(told.at(before) == reason);
        BOOST_TEST(endings.at(before) == reason);
    }
    BOOST_TEST((uids.all() == std::vector{7, 7}));
    BOOST_TEST(host.server.metrics().refused_frames == 2U);
    BOOST_TEST(host.server.metrics().callback_failures == 0U);
}

BOOST_AUTO_TEST_CASE(its_end_closes_the_connection) {
    with_both_transports([](auto kind) {
        recorded<error_code> endings;
        std::optional<talk> kept; // a copy that lives longer changes nothing
        running_server<> host{quiet_options(kind)};
        host.server.on_connection([&](talk peer) -> awaitable<void> {
            kept = peer;
            auto message = co_await peer.async_receive();
            if (message.command == other) co_await sleep_for(5ms);
            co_await peer.async_send(message);
        });
        host.server.on_close([&](auto&, error_code const& reason) { endings.add(reason); });
        host.start();
        for (auto command : {echo, other}) {
            auto client = host.connect();
            client.send(test::frame(command, "last"));
            auto ending = client.read_to_end();
            BOOST_TEST((ending.bytes == test::frame(command, "last")));
            BOOST_TEST(ending.clean);
        }
        BOOST_TEST(endings.wait_for(2));
        BOOST_TEST(endings.at(0) == errc::closed_by_server);
        BOOST_TEST(endings.at(1) == errc::closed_by_server);
        host.stop();
        kept.reset();
    });
}

BOOST_AUTO_TEST_CASE(an_exception_ends_that_connection_only) {
    test::captured_log log;
    recorded<error_code> endings;
    running_server<> host;
    host.server.on_connection([&](talk peer) -> awaitable<void> {
        for (;;) {
            auto message = co_await peer.async_receive();
            auto text = text_of(message.data());
            peer.send(message);
            if (text == "later") co_await sleep_for(1ms);
            if (text != "fine") throw std::runtime_error{"no, " + text};
        }
    });
    host.server.on_close([&](auto&, error_code const& reason) { endings.add(reason); });
    host.start();
    auto witness = host.connect();
    for (std::string text : {"now", "later"}) {
        auto client = host.connect();
        client.send(test::frame(echo, text) + test::frame(echo, "fine"));
        auto ending = client.read_to_end();
        BOOST_TEST((ending.bytes == test::frame(echo, text))); // what was sent still goes out
        BOOST_TEST(log.says("connection closed"));
        BOOST_TEST(log.says("no, " + text));
    }
    BOOST_TEST(endings.wait_for(2));
    BOOST_TEST(endings.at(0) == errc::handler_failed);
    BOOST_TEST(endings.at(1) == errc::handler_failed);
    BOOST_TEST(host.server.metrics().handler_failures == 2U);
    witness.send(test::frame(echo, "fine"));
    BOOST_TEST((witness.read_frame() == test::frame(echo, "fine")));
}

BOOST_AUTO_TEST_CASE(an_exception_before_the_first_message_too) {
    recorded<error_code> endings;
    running_server<> host;
    host.server.on_connection([&](talk) -> awaitable<void> {
        throw 1;
        co_return;
    });
    host.server.on_close([&](auto&, error_code const& reason) { endings.add(reason); });
    host.start();
    auto client = host.connect();
    BOOST_TEST(client.read_to_end().bytes.empty());
    BOOST_TEST(endings.wait_for(1));
    BOOST_TEST(endings.at(0) == errc::handler_failed);
}

BOOST_AUTO_TEST_CASE(messages_before_the_end_are_received_before_it) {
    with_both_transports([](auto kind) {
        std::atomic<bool> peer_has_left = false;
        recorded<std::string> got;
        recorded<error_code> ends;
        running_server<> host{quiet_options(kind)};
        host.server.on_connection([&](talk peer) -> awaitable<void> {
            co_await until(peer_has_left);
            for (;;) {
                auto [failure, message] = co_await peer.async_receive(as_tuple(use_awaitable));
                if (failure) {
                    ends.add(failure);
                    co_return;
                }
                got.add(text_of(message.data()));
                if (got.size() % 10 == 0) co_await sleep_for(1ms);
            }
        });
        host.start();
        auto client = host.connect();
        client.send(frames(0, 50));
        client.end_output();
        BOOST_TEST(eventually([&] { return host.server.metrics().opened == 1; }));
        peer_has_left = true;
        BOOST_TEST(client.read_to_end().clean);
        BOOST_TEST(ends.wait_for(1));
        BOOST_TEST(ends.at(0) == errc::closed_by_peer);
        BOOST_TEST(got.size() == 50U);
        BOOST_TEST(got.at(49) == "message 49");
    });
}

BOOST_AUTO_TEST_CASE(a_message_stays_where_it_is_until_the_next_one_is_asked_for) {
    recorded<bool> intact;
    running_server<> host;
    host.server.on_connection([&](talk peer) -> awaitable<void> {
        for (;;) {
            auto message = co_await peer.async_receive();
            auto before = text_of(message.whole);
            co_await sleep_for(2ms); // others are read into the scratch buffer meanwhile
            intact.add(text_of(message.whole) == before);
        }
    });
    host.start();
    auto first = host.connect();
    auto second = host.connect();
    for (int turn = 0; turn < 10; ++turn) {
        first.send(frames(0, 2));
        second.send(test::frame(echo, std::string(900, 'y')));
    }
    BOOST_TEST(intact.wait_for(30));
    auto all = intact.all();
    BOOST_TEST(std::count(all.begin(), all.end(), false) == 0);
}

BOOST_AUTO_TEST_CASE(while_nobody_receives_the_peer_is_held) {
    with_both_transports([](auto kind) {
        std::atomic<bool> go = false;
        std::atomic<std::size_t> received = 0;
        running_server<> host{quiet_options(kind)};
        host.server.on_connection([&](talk peer) -> awaitable<void> {
            co_await peer.async_receive();
            co_await until(go);
            for (;;) {
                auto message = co_await peer.async_receive();
                received += message.whole.size();
            }
        });
        host.start();
        auto client = host.connect();
        client.send(test::frame(echo));
        // The kernel's buffers fill up, and then no more goes.
        std::string const block = test::frame(echo, std::string(32'000, 'z'));
        std::size_t sent = 0;
        auto quiet_since = std::chrono::steady_clock::now();
        std::string rest;
        while (std::chrono::steady_clock::now() - quiet_since < 300ms) {
            if (rest.empty()) rest = block;
            auto some = client.send_some(rest);
            rest.erase(0, some);
            sent += some;
            if (some != 0) quiet_since = std::chrono::steady_clock::now();
            if (some == 0) std::this_thread::sleep_for(2ms);
            BOOST_REQUIRE(sent < 64'000'000U);
        }
        auto read = host.server.metrics().bytes_received;
        BOOST_TEST(read <= 2 * host.server.limits().scratch_bytes);
        BOOST_TEST(received == 0U);
        go = true;
        client.send(rest);
        sent += rest.size();
        BOOST_TEST(eventually([&] { return received == sent; }));
    });
}

BOOST_AUTO_TEST_CASE(while_the_peer_does_not_read_the_sender_waits) {
    with_both_transports([](auto kind) {
        auto wanted = quiet_options(kind);
        wanted.output_max_bytes = 100'000; // which would be far too little to hold it all
        std::atomic<std::uint32_t> sent = 0;
        constexpr std::uint32_t count = 2'000;
        running_server<> host{wanted};
        host.server.on_connection([&](talk peer) -> awaitable<void> {
            std::string block(16'000, 'b');
            for (std::uint32_t number = 0; number < count; ++number) {
                block.replace(0, 4, test::number(number));
                co_await peer.async_send(echo, test::bytes_of(block));
                ++sent;
            }
        });
        host.start();
        auto client = host.connect(32 * 1024);
        BOOST_TEST(eventually([&] { return host.server.metrics().writes_blocked > 0; }));
        auto stands = [&] {
            auto before = sent.load();
            std::this_thread::sleep_for(100ms);
            return sent == before;
        };
        BOOST_TEST(eventually(stands));
        BOOST_TEST(sent < count);
        for (std::uint32_t number = 0; number < count; ++number) {
            auto got = client.read_frame();
            BOOST_REQUIRE(got.size() == 16'008U);
            BOOST_REQUIRE(test::little(std::string_view{got}.substr(8, 4)) == number);
        }
        BOOST_TEST(client.read_to_end().clean);
        BOOST_TEST(host.server.metrics().messages_dropped == 0U);
    });
}

BOOST_AUTO_TEST_CASE(a_sender_learns_why_the_connection_has_ended) {
    auto wanted = quiet_options();
    wanted.write_timeout = 200ms;
    recorded<error_code> ends;
    running_server<> host{wanted};
    host.server.on_connection([&](talk peer) -> awaitable<void> {
        std::string block(60'000, 'b');
        for (;;) {
            auto [failure] =
                co_await peer.async_send(echo, test::bytes_of(block), as_tuple(use_awaitable));
            if (!failure) continue;
            ends.add(failure);
            co_return;
        }
    });
    host.start();
    auto client = host.connect(32 * 1024);
    BOOST_TEST(ends.wait_for(1));
    BOOST_TEST(ends.at(0) == errc::write_timeout);
}

BOOST_AUTO_TEST_CASE(a_sender_without_end_leaves_others_their_turn) {
    running_server<> host;
    host.server.on_connection([&](talk peer) -> awaitable<void> {
        auto message = co_await peer.async_receive();
        co_await peer.async_send(message);
        if (message.command == echo) co_return;
        std::string block(100, 'b');
        for (;;)
            co_await peer.async_send(other, test::bytes_of(block));
    });
    host.start();
    auto reader = host.connect();
    reader.send(test::frame(other));
    std::atomic<bool> enough = false;
    std::thread reads{[&] {
        while (!enough)
            reader.read_frame();
        reader.close();
    }};
    auto client = host.connect();
    client.send(test::frame(echo, "me, too"));
    auto got = client.read_frame();
    enough = true;
    reads.join();
    BOOST_TEST((got == test::frame(echo, "me, too")));
}

BOOST_AUTO_TEST_CASE(what_finds_no_buffer_in_the_budget_is_told) {
    auto wanted = quiet_options();
    wanted.buffer_budget_bytes = 64 * 1024;
    wanted.overflow = millipede::overflow_policy::drop_newest;
    recorded<error_code> told;
    recorded<error_code> endings;
    running_server<> host{wanted};
    host.server.on_connection([&](talk peer) -> awaitable<void> {
        co_await sleep_for(1ms); // so that what is sent goes through the queue
        std::string const large(65'527, 'l');
        auto [failure] =
            co_await peer.async_send(echo, test::bytes_of(large), as_tuple(use_awaitable));
        told.add(failure);
        co_await peer.async_send(echo, test::bytes_of("small"));
        co_await peer.async_receive();
    });
    host.server.on_close([&](auto&, error_code const& reason) { endings.add(reason); });
    host.start();
    auto client = host.connect();
    BOOST_TEST((client.read_frame() == test::frame(echo, "small")));
    BOOST_TEST(told.at(0) == errc::buffers_exhausted);
    // The first half waits in a buffer, the whole would need another one.
    auto bytes = test::frame(echo, std::string(60'000, 'x'));
    client.send(bytes.substr(0, 30'000));
    BOOST_TEST(eventually([&] { return host.server.metrics().bytes_received == 30'000; }));
    client.send(bytes.substr(30'000));
    BOOST_TEST(endings.wait_for(1));
    BOOST_TEST(endings.at(0) == errc::buffers_exhausted);
}

BOOST_AUTO_TEST_CASE(an_idle_timeout_reaches_it) {
    auto wanted = quiet_options();
    wanted.idle_timeout = 100ms;
    recorded<error_code> ends;
    running_server<> host{wanted};
    host.server.on_connection([&](talk peer) -> awaitable<void> {
        auto [failure, none] = co_await peer.async_receive(as_tuple(use_awaitable));
        ends.add(failure);
    });
    host.start();
    auto client = host.connect();
    BOOST_TEST(ends.wait_for(1));
    BOOST_TEST(ends.at(0) == errc::idle_timeout);
    BOOST_TEST(ends.at(0) == close_reason::timeout);
}

BOOST_AUTO_TEST_CASE(a_stop_ends_all_of_them_before_run_returns) {
    with_both_transports([](auto kind) {
        std::atomic<int> living = 0;
        recorded<error_code> ends;
        running_server<> host{clients_stay(quiet_options(kind))};
        host.server.on_connection([&](talk peer) -> awaitable<void> {
            alive here{living};
            auto message = co_await peer.async_receive();
            try {
                if (message.command == other)
                    co_await sleep_for(1h); // is cancelled
                else
                    co_await peer.async_receive();
            } catch (system_error const& failure) {
                ends.add(failure.code());
                throw;
            }
        });
        host.start();
        std::vector<test::raw_client> clients;
        for (int index = 0; index < 10; ++index)
            clients.push_back(host.connect());
        BOOST_TEST(eventually([&] { return living == 10; }));
        for (auto& client : clients)
            client.send(test::frame(echo));
        BOOST_TEST(eventually([&] { return host.server.metrics().messages_received == 10; }));
        host.stop();
        BOOST_TEST(living == 0);
        BOOST_TEST(ends.size() == 10U);
        for (auto const& each : ends.all())
            BOOST_TEST(each == errc::stopping);
        BOOST_TEST(host.server.metrics().callback_failures == 0U);
        BOOST_TEST(host.server.metrics().handler_failures == 0U);
    });
}

BOOST_AUTO_TEST_CASE(what_waits_for_something_else_is_cancelled_with_its_connection) {
    auto wanted = quiet_options();
    wanted.stop_timeout = 300ms;
    std::atomic<int> living = 0;
    recorded<error_code> ends;
    running_server<> host{wanted};
    host.server.on_connection([&](talk) -> awaitable<void> {
        alive here{living};
        try {
            co_await sleep_for(1h);
        } catch (system_error const& failure) {
            ends.add(failure.code());
            throw;
        }
    });
    host.start();
    auto client = host.connect();
    BOOST_TEST(eventually([&] { return living == 1; }));
    host.stop();
    BOOST_TEST(living == 0);
    BOOST_TEST(ends.size() == 1U);
    BOOST_TEST(ends.at(0) == boost::asio::error::operation_aborted);
    BOOST_TEST(host.server.drained().cut == 0U);
    BOOST_TEST(host.server.metrics().callback_failures == 0U);
}

BOOST_AUTO_TEST_CASE(a_drain_waits_for_its_answers) {
    with_both_transports([](auto kind) {
        std::atomic<bool> go = false;
        running_server<> host{clients_stay(quiet_options(kind))};
        host.server.on_connection([&](talk peer) -> awaitable<void> {
            for (;;) {
                auto message = co_await peer.async_receive();
                co_await until(go);
                co_await peer.async_send(message);
            }
        });
        host.server.on_drain(
            [](auto& connection, auto) { connection.send(other, test::bytes_of("goodbye")); });
        host.start();
        auto client = host.connect();
        auto idle = host.connect();
        client.send(frames(0, 5));
        BOOST_TEST(eventually([&] { return host.server.metrics().messages_received == 1; }));
        host.server.drain(20s, 0ms);
        BOOST_TEST((idle.read_to_end().bytes == test::frame(other, "goodbye")));
        BOOST_TEST(!client.readable(50ms));
        go = true;
        auto ending = client.read_to_end();
        BOOST_TEST((ending.bytes == frames(0, 5) + test::frame(other, "goodbye")));
        BOOST_TEST(ending.clean);
        host.join();
        BOOST_TEST(host.server.drained().in_peace == 2U);
        BOOST_TEST(host.server.drained().cut == 0U);
    });
}

BOOST_AUTO_TEST_CASE(the_deadline_does_not_wait_for_them) {
    auto wanted = quiet_options();
    wanted.stop_timeout = 200ms;
    wanted.workers = 1; // each of its coroutines is told
    std::atomic<int> living = 0;
    recorded<error_code> ends;
    running_server<> host{wanted};
    host.server.on_connection([&](talk peer) -> awaitable<void> {
        alive here{living};
        co_await peer.async_receive();
        try {
            co_await sleep_for(1h);
        } catch (system_error const& failure) {
            ends.add(failure.code());
        }
    });
    host.start();
    std::vector<test::raw_client> clients;
    for (int count = 0; count < 3; ++count) {
        clients.push_back(host.connect());
        clients.back().send(test::frame(echo));
    }
    BOOST_TEST(eventually([&] { return host.server.metrics().messages_received == 3; }));
    host.stop();
    BOOST_TEST(host.server.drained().cut == 3U);
    BOOST_TEST(living == 0);
    BOOST_TEST(ends.size() == 3U);
}

namespace {

struct too_long { // no codec takes it
    static constexpr std::uint16_t command = 7;
    static std::optional<too_long> decode(std::span<std::byte const>) { return too_long{}; }
    std::size_t data_size() const { return 100'000; }
    void encode(millipede::byte_sink auto&) const {}
};

} // namespace

BOOST_AUTO_TEST_CASE(what_the_codec_refuses_is_thrown_where_it_is_sent) {
    running_server<> host;
    recorded<std::string> caught;
    host.server.on_connection([&](talk peer) -> awaitable<void> {
        auto asked = co_await peer.async_receive();
        try {
            co_await peer.async_send(too_long{});
        } catch (std::length_error const&) {
            caught.add("too long");
        }
        co_await peer.async_send(asked); // the connection is none the worse
    });
    host.start();
    auto client = host.connect();
    client.send(test::frame(echo, "hello"));
    BOOST_TEST((client.read_frame() == test::frame(echo, "hello")));
    BOOST_TEST(client.read_to_end().clean);
    BOOST_TEST((caught.all() == std::vector<std::string>{"too long"}));
    client.close();
    auto begin = std::chrono::steady_clock::now();
    host.stop();
    BOOST_TEST((std::chrono::steady_clock::now() - begin < 15s)); // nobody is waited for
}

BOOST_AUTO_TEST_CASE(one_that_refuses_to_end_is_destroyed_with_the_server) {
    auto wanted = quiet_options();
    wanted.stop_timeout = 100ms;
    std::atomic<int> living = 0;
    {
        running_server<> host{wanted};
        host.server.on_connection([&](talk peer) -> awaitable<void> {
            alive here{living};
            co_await peer.async_receive(as_tuple(use_awaitable));
            co_await sleep_for(1h); // it was told already: nobody cancels this
        });
        host.start();
        auto client = host.connect();
        BOOST_TEST(eventually([&] { return living == 1; }));
        host.stop();
        BOOST_TEST(living == 1);
    }
    BOOST_TEST(living == 0);
}

BOOST_AUTO_TEST_CASE(what_is_left_to_do_after_the_end_is_waited_for) {
    recorded<int> uids;
    running_server<visitor> host{clients_stay()};
    host.server.on_connection([&](visit peer) -> awaitable<void> {
        peer->uid = 7;
        co_await peer.async_receive(as_tuple(use_awaitable));
        co_await sleep_for(20ms);
        uids.add(peer->uid); // the slot may be another's by now
    });
    host.start();
    auto client = host.connect();
    BOOST_TEST(eventually([&] { return host.server.metrics().opened == 1; }));
    host.stop();
    BOOST_TEST((uids.all() == std::vector{7}));
}

BOOST_AUTO_TEST_CASE(one_that_waits_holds_nobody_else) {
    auto wanted = quiet_options();
    wanted.connections_per_worker = 400;
    std::atomic<bool> go = false;
    std::atomic<int> living = 0;
    running_server<> host{wanted};
    host.server.on_connection([&](talk peer) -> awaitable<void> {
        alive here{living};
        for (;;) {
            auto message = co_await peer.async_receive();
            if (message.command == other) co_await until(go);
            co_await peer.async_send(message);
        }
    });
    host.start();
    std::vector<test::raw_client> clients;
    for (int index = 0; index < 300; ++index)
        clients.push_back(host.connect());
    for (std::size_t index = 0; index < clients.size(); ++index)
        clients[index].send(test::frame(index % 3 == 0 ? other : echo, std::to_string(index)));
    for (std::size_t index = 0; index < clients.size(); ++index)
        if (index % 3 != 0)
            BOOST_REQUIRE(
                (clients[index].read_frame() == test::frame(echo, std::to_string(index))));
    BOOST_TEST(living == 300);
    go = true;
    for (std::size_t index = 0; index < clients.size(); index += 3)
        BOOST_REQUIRE((clients[index].read_frame() == test::frame(other, std::to_string(index))));
    clients.clear();
    BOOST_TEST(eventually([&] { return living == 0; }));
}

BOOST_AUTO_TEST_CASE(a_receive_may_be_given_up_for_something_else) {
    std::atomic<int> waits = 0;
    std::atomic<int> living = 0;
    running_server<> host;
    host.server.on_connection([&](talk peer) -> awaitable<void> {
        alive here{living};
        for (;;) { // where the timer's success hides the end
            auto first = co_await (peer.async_receive() || sleep_for(5ms));
            if (first.index() == 1) {
                ++waits;
                continue;
            }
            co_await peer.async_send(std::get<0>(first));
        }
    });
    host.start();
    auto client = host.connect();
    for (int turn = 1; turn < 5; ++turn) {
        BOOST_TEST(eventually([&] { return waits > 5 * turn; }));
        client.send(frames(0, 20));
        BOOST_TEST((client.read(frames(0, 20).size()) == frames(0, 20)));
    }
    client.close();
    BOOST_TEST(eventually([&] { return living == 0; }));
    BOOST_TEST(host.server.metrics().callback_failures == 0U);
}

BOOST_AUTO_TEST_CASE(one_that_does_not_notice_the_end_is_cancelled) {
    std::atomic<int> living = 0;
    running_server<> host;
    host.server.on_connection([&](talk peer) -> awaitable<void> {
        alive here{living};
        for (;;) {
            co_await peer.async_receive(as_tuple(use_awaitable));
            co_await peer.async_send(echo, test::bytes_of("x"), as_tuple(use_awaitable));
        }
    });
    host.start();
    auto client = host.connect();
    BOOST_TEST(eventually([&] { return living == 1; }));
    client.close();
    BOOST_TEST(eventually([&] { return living == 0; }));
    BOOST_TEST(host.server.metrics().callback_failures == 0U);
}

BOOST_AUTO_TEST_CASE(a_reader_and_a_writer) {
    std::atomic<int> living = 0;
    running_server<> host;
    host.server.on_connection([&](talk peer) -> awaitable<void> {
        alive here{living};
        auto writer = [](talk to) -> awaitable<void> {
            for (std::uint32_t number = 0;; ++number) {
                co_await to.async_send(other, test::bytes_of(test::number(number)));
                co_await sleep_for(1ms);
            }
        };
        co_await (echo_all(peer) && writer(peer));
    });
    host.start();
    auto client = host.connect();
    client.send(frames(0, 10));
    std::string echoed;
    std::uint32_t pushed = 0;
    while (echoed.size() < frames(0, 10).size() || pushed < 10) {
        auto got = client.read_frame();
        if (got[6] == echo)
            echoed += got;
        else
            BOOST_REQUIRE(test::little(std::string_view{got}.substr(8)) == pushed++);
    }
    BOOST_TEST((echoed == frames(0, 10)));
    client.close();
    BOOST_TEST(eventually([&] { return living == 0; })); // the end of one is that of both
}

BOOST_AUTO_TEST_CASE(a_handle_that_is_kept_says_that_it_is_over) {
    std::optional<visit> kept; // the worker's
    std::atomic<bool> is_kept = false;
    running_server<visitor> host;
    host.server.on_connection([&](visit peer) -> awaitable<void> {
        peer->uid = 5;
        kept = peer;
        is_kept = true;
        co_await peer.async_receive();
        peer.close();
    });
    host.start();
    auto client = host.connect();
    BOOST_TEST(eventually([&] { return is_kept.load(); }));
    auto witness = host.connect(); // overwrites the handle: so the first comes back by its frame
    client.send(test::frame(echo));
    BOOST_TEST(client.read_to_end().clean);
    witness.send(test::frame(echo));
    BOOST_TEST(witness.read_to_end().clean);
    BOOST_TEST(eventually([&] { return host.server.metrics().closed == 2; }));

    test::expectations expect;
    std::atomic<int> done = 0;
    bool returned = false;
    boost::asio::post(host.server.get_executor(0), [&] {
        auto peer = *kept;
        expect(!peer.is_open());
        expect(peer->uid == 5);
        expect(!peer.send(echo, test::bytes_of("x")));
        error_code code;
        peer.remote_endpoint(code);
        expect(code == errc::stale_connection);
        peer.close();
        peer.async_receive([&, peer](error_code failure, frame) {
            expect(failure == errc::closed_by_server && returned);
            ++done;
        });
        peer.async_send(echo, test::bytes_of("x"), [&](error_code failure) {
            expect(failure == errc::closed_by_server && returned);
            ++done;
        });
        peer.async_receive<login>([&](error_code failure, login) {
            expect(failure == errc::closed_by_server && returned);
            ++done;
        });
        returned = true;
        kept.reset();
    });
    BOOST_TEST(eventually([&] { return done == 3; }));
    BOOST_TEST(expect.broken() == 0);
}

BOOST_AUTO_TEST_CASE(a_failure_after_the_end_is_told_and_counted) {
    test::captured_log log;
    running_server<> host;
    host.server.on_connection([&](talk peer) -> awaitable<void> {
        co_await peer.async_receive(as_tuple(use_awaitable));
        throw std::runtime_error{"too late"};
    });
    host.start();
    host.connect().close();
    BOOST_TEST(log.says("too late"));
    BOOST_TEST(eventually([&] { return host.server.metrics().callback_failures == 1; }));
    BOOST_TEST(host.server.metrics().handler_failures == 0U);
}

BOOST_AUTO_TEST_CASE(a_message_that_comes_while_it_rests_waits) {
    std::atomic<bool> go = false;
    recorded<connection_id> ids;
    recorded<error_code> endings;
    running_server<> host;
    host.server.on_connection([&](talk peer) -> awaitable<void> {
        ids.add(peer.id());
        co_await until(go);
        for (;;)
            co_await peer.async_send(co_await peer.async_receive());
    });
    host.server.on_close([&](auto&, error_code const& reason) { endings.add(reason); });
    host.start();
    // Somebody resumes receiving behind its back: one message may come, a second is refused.
    auto resume = [&](std::size_t index) {
        host.server.post(ids.at(index), [](auto& connection) { connection.resume_receiving(); });
    };
    auto received = [&](std::uint64_t count) {
        return eventually([&] { return host.server.metrics().messages_received == count; });
    };
    auto first = host.connect();
    first.send(frames(0, 3));
    BOOST_TEST(ids.wait_for(1));
    resume(0);
    BOOST_TEST(received(1));
    auto second = host.connect();
    second.send(frames(0, 3));
    BOOST_TEST(ids.wait_for(2));
    resume(1);
    BOOST_TEST(received(2));
    resume(1);
    BOOST_TEST(endings.wait_for(1));
    BOOST_TEST(endings.at(0) == errc::handler_failed);
    go = true;
    BOOST_TEST((first.read(frames(0, 3).size()) == frames(0, 3)));
}

BOOST_AUTO_TEST_CASE(an_idle_one_costs_little) {
    if (::mallinfo2().uordblks == 0) return; // a sanitizer's heap
    auto wanted = quiet_options();
    wanted.connections_per_worker = 512;
    auto heap_with = [&](std::size_t count) {
        running_server<> host{wanted};
        host.server.on_connection(echo_all);
        host.start();
        std::vector<test::raw_client> clients;
        clients.reserve(count);
        while (clients.size() < count) {
            clients.push_back(host.connect());
            clients.back().send(test::frame(echo, "hello"));
            clients.back().read_frame();
        }
        return ::mallinfo2().uordblks;
    };
    heap_with(100); // whatever is made once
    auto each = static_cast<double>(heap_with(500) - heap_with(100)) / 400;
    BOOST_TEST_MESSAGE("heap of an idle coroutine connection: " << each << " bytes");
    BOOST_TEST(each < 1'600);
    BOOST_TEST(each > 100);
}

BOOST_AUTO_TEST_SUITE_END()
