// SPDX-License-Identifier: BSL-1.0
// Operations with each kind of Asio's completion tokens, and what is associated with handlers.
#include "support/printing.hpp"
#include "support/running_server.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_allocator.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <future>
#include <optional>
#include <string>
#include <thread>
#include <vector>

BOOST_AUTO_TEST_SUITE(completion_tokens)

namespace {

using namespace std::chrono_literals;
using boost::asio::as_tuple;
using boost::asio::awaitable;
using boost::asio::use_awaitable;
using boost::asio::use_future;
using millipede::connection_id;
using millipede::drain_report;
using millipede::errc;
using millipede::error_code;
using millipede::frame;
using millipede::payload;
using test::bytes_of;
using test::eventually;
using test::quiet_options;
using test::recorded;
using test::running_server;
using test::text_of;

constexpr std::uint16_t echo = 1;
constexpr std::uint16_t push = 2;

using talk = millipede::conversation<>;

struct login {
    static constexpr std::uint16_t command = 3;
};

payload pushed(std::string_view text) {
    return millipede::frame_codec{}.encode(push, bytes_of(text));
}

// Calls `f(peer)` for the first connection, on its worker's thread, and keeps a handle.
struct first_talk {
    std::optional<talk> held; // the worker's
    std::atomic<bool> is_there = false;

    void hold(millipede::server<>& server) {
        server.on_connection([this](talk peer) {
            held = std::move(peer);
            is_there = true;
        });
    }
    template <class F>
    void with(millipede::server<>& server, F f) {
        BOOST_REQUIRE(eventually([&] { return is_there.load(); }));
        std::promise<void> done;
        boost::asio::post(server.get_executor(0), [&] {
            f(*held);
            done.set_value();
        });
        done.get_future().get();
    }
    void drop(millipede::server<>& server) {
        with(server, [this](talk&) { held.reset(); });
    }
};

// What a future came to. (Boost 1.81 has no as_tuple(use_future).)
template <class T>
error_code code_of(std::future<T> result) {
    try {
        result.get();
        return {};
    } catch (boost::system::system_error const& failure) {
        return failure.code();
    }
}

template <class T>
struct counting_allocator {
    using value_type = T;

    explicit counting_allocator(std::atomic<int>& counted) noexcept : count{&counted} {}
    template <class U>
    counting_allocator(counting_allocator<U> const& other) noexcept : count{other.count} {}
    T* allocate(std::size_t number) {
        ++*count;
        return static_cast<T*>(::operator new(number * sizeof(T)));
    }
    void deallocate(T* pointer, std::size_t) noexcept { ::operator delete(pointer); }
    friend bool operator==(counting_allocator const&, counting_allocator const&) = default;

    std::atomic<int>* count;
};

} // namespace

BOOST_AUTO_TEST_CASE(callbacks_converse_and_the_last_handle_closes) {
    struct echoing {
        static void go_on(talk peer) {
            peer.async_receive([peer](error_code failure, frame message) {
                if (failure || text_of(message.data()) == "end") return;
                peer.async_send(message, [peer](error_code refused) {
                    if (!refused) go_on(peer);
                });
            });
        }
    };
    recorded<error_code> endings;
    running_server<> host;
    host.server.on_connection([](talk peer) { echoing::go_on(std::move(peer)); });
    host.server.on_close([&](auto&, error_code const& reason) { endings.add(reason); });
    host.start();
    auto client = host.connect();
    std::string bytes;
    for (int number = 0; number < 100; ++number)
        bytes += test::frame(echo, std::to_string(number));
    client.send(bytes + test::frame(echo, "end"));
    auto ending = client.read_to_end();
    BOOST_TEST((ending.bytes == bytes));
    BOOST_TEST(ending.clean);
    BOOST_TEST(endings.wait_for(1));
    BOOST_TEST(endings.at(0) == errc::closed_by_server);
}

BOOST_AUTO_TEST_CASE(an_exception_from_a_callback_ends_its_connection) {
    recorded<error_code> endings;
    first_talk first;
    running_server<> host;
    first.hold(host.server);
    host.server.on_close([&](auto&, error_code const& reason) { endings.add(reason); });
    host.start();
    auto client = host.connect();
    first.with(host.server, [](talk& peer) {
        peer.async_receive([](error_code, frame) { throw std::runtime_error{"no"}; });
    });
    client.send(test::frame(echo));
    BOOST_TEST(endings.wait_for(1));
    BOOST_TEST(endings.at(0) == errc::handler_failed);
    first.drop(host.server);
    // And at the end, where it is counted.
    first.is_there = false;
    auto second = host.connect();
    first.with(host.server, [](talk& peer) {
        peer.async_receive([](error_code, frame) { throw std::runtime_error{"no"}; });
    });
    second.close();
    BOOST_TEST(eventually([&] { return host.server.metrics().callback_failures == 1; }));
    first.drop(host.server);
}

BOOST_AUTO_TEST_CASE(futures) {
    first_talk first;
    running_server<> host;
    first.hold(host.server);
    host.start();
    auto client = host.connect();
    std::future<frame> received;
    std::future<void> sent;
    first.with(host.server, [&](talk& peer) {
        received = peer.async_receive(use_future);
        sent = peer.async_send(push, bytes_of("hello"), use_future);
    });
    client.send(test::frame(echo, "to a future"));
    BOOST_TEST((text_of(received.get().data()) == "to a future"));
    sent.get();
    BOOST_TEST((client.read_frame() == test::frame(push, "hello")));

    std::future<login> typed;
    first.with(host.server, [&](talk& peer) { typed = peer.async_receive<login>(use_future); });
    client.send(test::frame(login::command));
    BOOST_TEST(!code_of(std::move(typed)).failed());
    first.with(host.server, [&](talk& peer) { received = peer.async_receive(use_future); });
    client.close();
    BOOST_TEST(code_of(std::move(received)) == errc::closed_by_peer);
    first.drop(host.server);
}

BOOST_AUTO_TEST_CASE(deferred_operations_begin_when_they_are_called) {
    first_talk first;
    recorded<std::string> got;
    running_server<> host;
    first.hold(host.server);
    host.start();
    auto client = host.connect();
    first.with(host.server, [&](talk& peer) {
        auto receive = peer.async_receive(boost::asio::deferred);
        auto answer = peer.async_send(push, bytes_of("hello"), boost::asio::deferred);
        std::move(receive)([&](error_code, frame message) { got.add(text_of(message.data())); });
        std::move(answer)([&](error_code failure) { got.add(failure.message()); });
    });
    BOOST_TEST((client.read_frame() == test::frame(push, "hello")));
    client.send(test::frame(echo, "later"));
    BOOST_TEST(got.wait_for(2));
    BOOST_TEST(got.at(0) == error_code{}.message());
    BOOST_TEST(got.at(1) == "later");
    first.drop(host.server);
}

BOOST_AUTO_TEST_CASE(handlers_run_where_they_belong_with_memory_of_their_own) {
    first_talk first;
    boost::asio::thread_pool elsewhere{1};
    recorded<std::thread::id> threads;
    std::atomic<int> allocated = 0;
    running_server<> host;
    first.hold(host.server);
    host.start();
    auto client = host.connect();
    std::thread::id own, other;
    std::promise<void> known;
    boost::asio::post(elsewhere, [&] {
        other = std::this_thread::get_id();
        known.set_value();
    });
    known.get_future().get();
    first.with(host.server, [&](talk& peer) {
        own = std::this_thread::get_id();
        peer.async_send(push, bytes_of("x"),
                        [&](error_code) { threads.add(std::this_thread::get_id()); });
        peer.async_receive(boost::asio::bind_executor(
            elsewhere, boost::asio::bind_allocator(
                           counting_allocator<void>{allocated},
                           [&](error_code, frame) { threads.add(std::this_thread::get_id()); })));
    });
    BOOST_TEST(allocated == 1);
    BOOST_TEST(threads.wait_for(1));
    client.send(test::frame(echo));
    BOOST_TEST(threads.wait_for(2));
    BOOST_TEST((threads.at(0) == own));
    BOOST_TEST((threads.at(1) == other));
    BOOST_TEST(allocated > 1); // to get there
    first.drop(host.server);
    elsewhere.join();
}

BOOST_AUTO_TEST_CASE(a_pending_receive_may_be_cancelled) {
    first_talk first;
    recorded<error_code> results;
    recorded<std::string> got;
    boost::asio::cancellation_signal signal;
    running_server<> host;
    first.hold(host.server);
    host.start();
    auto client = host.connect();
    auto receive = [&](error_code failure, frame message) {
        results.add(failure);
        if (!failure) got.add(text_of(message.data()));
    };
    first.with(host.server, [&](talk& peer) {
        peer.async_receive(boost::asio::bind_cancellation_slot(signal.slot(), receive));
        peer.async_receive(receive); // one at a time
    });
    BOOST_TEST(results.wait_for(1));
    BOOST_TEST(results.at(0) == boost::asio::error::already_started);
    first.with(host.server, [&](talk&) {
        signal.emit(boost::asio::cancellation_type::terminal);
        signal.emit(boost::asio::cancellation_type::terminal); // does nothing
    });
    BOOST_TEST(results.wait_for(2));
    BOOST_TEST(results.at(1) == boost::asio::error::operation_aborted);
    client.send(test::frame(echo, "not lost"));
    first.with(host.server, [&](talk& peer) {
        peer.async_receive(receive);
        signal.emit(boost::asio::cancellation_type::terminal); // was for another one
    });
    BOOST_TEST(got.wait_for(1));
    BOOST_TEST(got.at(0) == "not lost");
    first.drop(host.server);
}

BOOST_AUTO_TEST_CASE(sends_that_wait_keep_their_order_and_may_be_cancelled) {
    first_talk first;
    recorded<int> done;
    recorded<error_code> cancelled;
    boost::asio::cancellation_signal signal;
    running_server<> host;
    first.hold(host.server);
    host.start();
    auto client = host.connect(32 * 1024);
    std::string const block(60'000, 'b');
    auto blocked = [&] { return host.server.metrics().writes_blocked > 0; };
    std::size_t blocks = 0;
    while (!blocked()) {
        first.with(host.server, [&](talk& peer) { peer.send(push, bytes_of(block)); });
        ++blocks;
        std::this_thread::sleep_for(1ms);
    }
    first.with(host.server, [&](talk& peer) {
        for (int number = 0; number < 5; ++number)
            peer.async_send(push, bytes_of(std::to_string(number)),
                            [&, number](error_code) { done.add(number); });
        peer.async_send(push, bytes_of("never"),
                        boost::asio::bind_cancellation_slot(
                            signal.slot(), [&](error_code failure) { cancelled.add(failure); }));
        peer.async_send(push, bytes_of("last"), [&](error_code) { done.add(5); });
        signal.emit(boost::asio::cancellation_type::terminal);
        signal.emit(boost::asio::cancellation_type::terminal);
    });
    BOOST_TEST(cancelled.wait_for(1));
    BOOST_TEST(cancelled.at(0) == boost::asio::error::operation_aborted);
    BOOST_TEST(done.size() == 0U);
    for (std::size_t count = 0; count < blocks; ++count)
        BOOST_REQUIRE(client.read_frame().size() == block.size() + 8);
    for (std::string text : {"0", "1", "2", "3", "4", "last"})
        BOOST_TEST((client.read_frame() == test::frame(push, text)));
    BOOST_TEST(done.wait_for(6));
    BOOST_TEST((done.all() == std::vector{0, 1, 2, 3, 4, 5}));
    first.drop(host.server);
}

BOOST_AUTO_TEST_CASE(sends_from_any_thread) {
    recorded<connection_id> ids;
    running_server<> host;
    host.server.on_open([&](auto& connection) { ids.add(connection.id()); });
    BOOST_TEST((code_of(host.server.async_send({}, pushed("x"), use_future)) == errc::not_running));
    host.start();
    auto client = host.connect();
    BOOST_TEST(ids.wait_for(1));
    host.server.async_send(ids.at(0), pushed("future"), use_future).get();
    host.server.async_send(ids.at(0), login{}, use_future).get();
    BOOST_TEST((client.read_frame() == test::frame(push, "future")));
    BOOST_TEST((client.read_frame() == test::frame(login::command)));

    // A coroutine on an io_context of its own, which stays at work as long as the operation.
    boost::asio::io_context elsewhere;
    recorded<error_code> results;
    auto sends = [&]() -> awaitable<void> {
        co_await host.server.async_send(ids.at(0), pushed("coroutine"), use_awaitable);
        auto [failure] =
            co_await host.server.async_send({7, 0, 0}, pushed("x"), as_tuple(use_awaitable));
        results.add(failure);
    };
    boost::asio::co_spawn(elsewhere, sends, boost::asio::detached);
    host.server.async_send(
        ids.at(0), pushed("callback"),
        boost::asio::bind_executor(elsewhere, [&](error_code failure) { results.add(failure); }));
    elsewhere.run();
    BOOST_TEST(results.size() == 2U);
    BOOST_TEST(results.at(0) != results.at(1));
    client.read_frame();
    client.read_frame();
    client.close();
    BOOST_TEST(eventually([&] { return host.server.metrics().closed == 1; }));
    BOOST_TEST(code_of(host.server.async_send(ids.at(0), pushed("x"), use_future)) ==
               errc::stale_connection);
    host.stop();
    BOOST_TEST(code_of(host.server.async_send(ids.at(0), pushed("x"), use_future)) ==
               errc::not_running);
}

BOOST_AUTO_TEST_CASE(a_send_is_refused_when_the_mailbox_is_full) {
    std::atomic<bool> go = false;
    std::atomic<bool> held = false;
    recorded<connection_id> ids;
    auto wanted = quiet_options();
    wanted.mailbox_capacity = 1;
    running_server<> host{wanted};
    host.server.on_open([&](auto& connection) { ids.add(connection.id()); });
    host.server.on(echo, [&](auto&, frame const&) {
        held = true;
        while (!go)
            std::this_thread::sleep_for(1ms);
    });
    host.start();
    auto client = host.connect();
    client.send(test::frame(echo));
    BOOST_TEST(eventually([&] { return held.load(); }));
    auto first = host.server.async_send(ids.at(0), pushed("x"), use_future);
    BOOST_TEST(code_of(host.server.async_send(ids.at(0), pushed("y"), use_future)) ==
               errc::mailbox_full);
    go = true;
    BOOST_TEST(!code_of(std::move(first)).failed());
}

BOOST_AUTO_TEST_CASE(broadcasts_are_awaited) {
    auto wanted = quiet_options();
    wanted.workers = 2;
    recorded<connection_id> ids;
    running_server<> host{wanted};
    host.server.on_open([&](auto& connection) { ids.add(connection.id()); });
    BOOST_TEST(
        (code_of(host.server.async_broadcast(pushed("x"), use_future)) == errc::not_running));
    host.start();
    std::vector<test::raw_client> clients;
    for (int index = 0; index < 10; ++index)
        clients.push_back(host.connect());
    BOOST_TEST(ids.wait_for(10));
    host.server.async_broadcast(pushed("all"), use_future).get();
    for (auto& client : clients)
        BOOST_TEST(client.readable(test::patience));
    host.server.async_broadcast(login{}, use_future).get();
    auto only = ids.at(3);
    host.server
        .async_broadcast(
            pushed("one"), [only](auto const& connection) { return connection.id() == only; },
            use_future)
        .get();
    for (auto& client : clients) {
        BOOST_TEST((client.read_frame() == test::frame(push, "all")));
        BOOST_TEST((client.read_frame() == test::frame(login::command)));
    }
    auto more = [&] {
        return std::count_if(clients.begin(), clients.end(),
                             [](auto& client) { return client.readable(0ms); });
    };
    BOOST_TEST(eventually([&] { return more() == 1; }));
}

BOOST_AUTO_TEST_CASE(a_drain_is_awaited) {
    recorded<drain_report> reports;
    running_server<> host{test::clients_stay()};
    host.start();
    auto client = host.connect();
    BOOST_TEST(eventually([&] { return host.server.metrics().opened == 1; }));
    // On the server's own executor, whose last handlers these are, and elsewhere.
    auto drains = [&]() -> awaitable<void> {
        reports.add(co_await host.server.async_drain(10s, 0ms, use_awaitable));
        reports.add(co_await host.server.async_drain(10s, 0ms, use_awaitable)); // throws
    };
    boost::asio::co_spawn(host.server.get_executor(), drains, boost::asio::detached);
    auto report = host.server.async_drain(10s, 0ms, use_future).get();
    client.close();
    host.join();
    BOOST_TEST(report.in_peace == 1U);
    BOOST_TEST(reports.size() == 1U);
    BOOST_TEST(reports.at(0).in_peace == 1U);
    BOOST_TEST(code_of(host.server.async_drain(10s, 0ms, use_future)) == errc::not_running);
    BOOST_CHECK_THROW(host.server.async_drain(-1s, 0ms, use_future), std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(a_drain_of_a_server_that_never_ran_is_told) {
    std::future<drain_report> report;
    {
        millipede::server<> server{quiet_options()};
        report = server.async_drain(10s, 0ms, use_future);
    }
    BOOST_TEST(code_of(std::move(report)) == errc::not_running);
}

BOOST_AUTO_TEST_SUITE_END()
