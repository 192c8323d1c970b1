// SPDX-License-Identifier: BSL-1.0
// Handlers that end the thread they run on, in the middle of what a server does for many.
#include "support/printing.hpp"
#include "support/running_server.hpp"

#include <millipede/server.hpp>

#include <boost/test/unit_test.hpp>

#include <pthread.h>

#include <atomic>
#include <string>
#include <vector>

BOOST_AUTO_TEST_SUITE(ended_threads)

namespace {

using namespace std::chrono_literals;
using millipede::connection_id;
using millipede::errc;
using millipede::error_code;
using millipede::frame;
using millipede::payload;
using test::bytes_of;
using test::eventually;
using test::quiet_options;
using test::recorded;
using test::running_server;
using test::with_both_transports;

constexpr std::uint16_t echo = 1;
constexpr std::uint16_t work = 2;
constexpr std::size_t victim = 5;

millipede::options
wanted_options(millipede::transport_kind kind = millipede::transport_kind::epoll) {
    auto wanted = quiet_options(kind);
    wanted.stall_after = 200ms; // lost threads are looked for every 25 ms
    wanted.offload_threads = 1;
    return wanted;
}

// A server with one worker, and clients that it knows in their order.
struct crowd {
    explicit crowd(millipede::options wanted = wanted_options()) : host{std::move(wanted)} {
        host.server.on(echo,
                       [](auto& connection, frame const& message) { connection.send(message); });
        host.server.on_open([this](auto& connection) { ids.add(connection.id()); });
        host.server.on_close([this](auto&, error_code const& reason) { reasons.add(reason); });
    }
    void start(std::size_t count = 20) {
        host.start();
        while (clients.size() < count) {
            clients.push_back(host.connect());
            BOOST_REQUIRE(ids.wait_for(clients.size()));
        }
    }

    recorded<connection_id> ids;
    recorded<error_code> reasons;
    running_server<> host;
    std::vector<test::raw_client> clients;
};

} // namespace

BOOST_AUTO_TEST_CASE(a_filter_that_ends_the_thread_keeps_the_broadcast_from_nobody_else) {
    with_both_transports([](auto kind) {
        crowd all{wanted_options(kind)};
        all.start();
        auto filter = [&](auto const& connection) {
            if (connection.id() == all.ids.at(victim)) ::pthread_exit(nullptr);
            return true;
        };
        auto news = payload{bytes_of("news")};
        BOOST_TEST(!all.host.server.broadcast(news, filter));
        for (std::size_t index = 0; index < all.clients.size(); ++index)
            if (index != victim) BOOST_TEST(all.clients[index].read(4) == "news");
        BOOST_TEST(!all.host.server.broadcast(payload{bytes_of("more")}));
        BOOST_TEST(all.clients[victim].read(4) == "more");
        BOOST_TEST(all.host.server.metrics().worker_restarts == 1U);
        BOOST_TEST(all.reasons.size() == 0U);
    });
}

BOOST_AUTO_TEST_CASE(a_goodbye_that_ends_the_thread_does_not_end_the_drain) {
    for (auto window : {0ms, 200ms})
        with_both_transports([&](auto kind) {
            crowd all{wanted_options(kind)};
            all.host.server.on_drain([&](auto& connection, auto) {
                if (connection.id() == all.ids.at(victim)) ::pthread_exit(nullptr);
                connection.send(payload{bytes_of("bye")});
            });
            all.start();
            all.host.server.drain(20s, window);
            for (std::size_t index = 0; index < all.clients.size(); ++index) {
                auto last = all.clients[index].read_to_end();
                BOOST_TEST(last.bytes == (index == victim ? "" : "bye"));
                all.clients[index].close();
            }
            all.host.join();
            BOOST_TEST(all.host.server.drained().in_peace == 20U);
            BOOST_TEST(all.host.server.drained().cut == 0U);
            BOOST_TEST((all.host.server.drained().took < 10s));
        });
}

// Fewer than come to greet in one turn, so that nothing else would have them looked at.
BOOST_AUTO_TEST_CASE(a_newcomer_that_ends_the_thread_keeps_no_others_from_greeting) {
    with_both_transports([](auto kind) {
        auto wanted = wanted_options(kind);
        wanted.listen[0].proxy_protocol = true;
        wanted.handshake_timeout = 1min; // beyond all patience
        crowd all{wanted};
        std::atomic<bool> goes_on{false};
        std::atomic<int> held{0};
        all.host.server.on(work, [&](auto&, frame const&) {
            if (++held == 1)
                eventually([&] { return goes_on.load(); }); // the others' headers come together
            else
                ::pthread_exit(nullptr);
        });
        all.host.start();
        auto greet = [&](std::uint16_t command) {
            all.clients.push_back(all.host.connect());
            all.clients.back().send("PROXY UNKNOWN\r\n" + test::frame(command));
        };
        greet(work);
        BOOST_REQUIRE(eventually([&] { return held == 1; }));
        greet(work);
        for (int times = 0; times < 4; ++times)
            greet(echo);
        BOOST_TEST(eventually([&] { return all.host.server.metrics().accepted == 6; }));
        goes_on = true;
        for (std::size_t index = 2; index < all.clients.size(); ++index)
            BOOST_TEST((all.clients[index].read_frame() == test::frame(echo)));
        BOOST_TEST(all.host.server.metrics().worker_restarts == 1U);
    });
}

BOOST_AUTO_TEST_CASE(an_offloaded_handler_that_ends_its_thread_is_followed_by_others) {
    for (auto order : {millipede::offload_order::any, millipede::offload_order::per_connection}) {
        crowd all;
        all.host.server.on(work, millipede::offload(
                                     [&](connection_id id, frame const&) {
                                         if (id == all.ids.at(victim)) ::pthread_exit(nullptr);
                                         return payload{bytes_of("done")};
                                     },
                                     order));
        all.start();
        for (auto& client : all.clients)
            client.send(test::frame(work));
        for (std::size_t index = 0; index < all.clients.size(); ++index)
            if (index != victim) BOOST_TEST(all.clients[index].read(4) == "done");
        BOOST_TEST(all.clients[victim].read_to_end().bytes == "");
        BOOST_REQUIRE(all.reasons.wait_for(1));
        BOOST_TEST(all.reasons.at(0) == errc::handler_failed);
        BOOST_TEST(all.host.server.metrics().offload_failed == 1U);
        BOOST_TEST(all.host.server.metrics().offload_waiting == 0U);
    }
}

BOOST_AUTO_TEST_SUITE_END()
