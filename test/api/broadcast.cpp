// SPDX-License-Identifier: BSL-1.0
// One message for many connections, from any thread.
#include "support/printing.hpp"
#include "support/running_server.hpp"

#include <boost/test/unit_test.hpp>

#include <atomic>
#include <set>
#include <string>
#include <thread>
#include <vector>

BOOST_AUTO_TEST_SUITE(broadcasting)

namespace {

using namespace std::chrono_literals;
using millipede::errc;
using millipede::error_code;
using millipede::frame;
using millipede::overflow_policy;
using millipede::payload;
using test::bytes_of;
using test::eventually;
using test::number;
using test::quiet_options;
using test::recorded;
using test::running_server;
using test::with_both_transports;

constexpr std::uint16_t news = 7;

payload frame_payload(std::uint32_t mark, std::size_t more = 0) {
    return payload{bytes_of(test::frame(news, number(mark) + std::string(more, 'n')))};
}

std::uint32_t mark_of(std::string const& received) {
    return test::little(received.substr(8, 4));
}

struct visitor {
    std::uint32_t number = 0;
};

struct headline { // a message with a wire struct
    static constexpr std::uint16_t command = news;
    boost::endian::little_uint32_t mark;
};

// A server on two workers, and clients that it knows all of.
struct audience {
    explicit audience(millipede::transport_kind kind, std::size_t count)
        : audience{quiet_options(kind), count} {}
    audience(millipede::options wanted, std::size_t count) : host{two_workers(std::move(wanted))} {
        host.server.on_open([this](auto& connection) { connection->number = opened++; });
        host.server.on(1, [this](auto&, frame const&) {
            ++holding;
            eventually([this] { return goes_on.load(); });
        });
        host.server.on(2, [](auto& connection, frame const& message) { connection.send(message); });
        host.start();
        for (std::size_t index = 0; index < count; ++index) {
            clients.push_back(host.connect());
            BOOST_REQUIRE(eventually([&] { return opened == index + 1; }));
        }
    }
    ~audience() { goes_on = true; }

    static millipede::options two_workers(millipede::options wanted) {
        wanted.workers = 2;
        return wanted;
    }

    std::atomic<std::uint32_t> opened{0};
    std::atomic<int> holding{0};
    std::atomic<bool> goes_on{false};
    running_server<visitor> host;
    std::vector<test::raw_client> clients;
};

} // namespace

BOOST_AUTO_TEST_CASE(all_get_every_message_in_the_order_of_its_thread) {
    static constexpr std::uint32_t threads = 3;
    static constexpr std::uint32_t each = 300;
    with_both_transports([](auto kind) {
        auto wanted = quiet_options(kind);
        wanted.output_max_bytes = 8 * 1024 * 1024;
        audience the{wanted, 40};
        std::atomic<int> refused{0};
        std::vector<std::thread> senders;
        for (std::uint32_t thread = 0; thread < threads; ++thread)
            senders.emplace_back([&, thread] {
                for (std::uint32_t index = 0; index < each; ++index)
                    if (the.host.server.broadcast(frame_payload(thread << 24 | index, 500)))
                        ++refused;
            });
        for (auto& sender : senders)
            sender.join();
        BOOST_TEST(refused == 0);
        for (auto& client : the.clients) {
            std::vector<std::uint32_t> next(threads, 0);
            for (std::uint32_t index = 0; index < threads * each; ++index) {
                auto mark = mark_of(client.read_frame());
                BOOST_REQUIRE((mark & 0xffffff) == next.at(mark >> 24)++);
            }
        }
    });
}

BOOST_AUTO_TEST_CASE(it_stays_behind_what_its_thread_sent_and_posted_before) {
    with_both_transports([](auto kind) {
        recorded<millipede::connection_id> ids;
        running_server<> host{quiet_options(kind)};
        host.server.on_open([&](auto& connection) { ids.add(connection.id()); });
        host.start();
        auto client = host.connect();
        BOOST_REQUIRE(ids.wait_for(1));
        for (std::uint32_t round = 0; round < 100; ++round) {
            BOOST_TEST(!host.server.send(ids.at(0), frame_payload(3 * round)));
            BOOST_TEST(!host.server.post(ids.at(0), [round](auto& connection) {
                connection.send(frame_payload(3 * round + 1));
            }));
            BOOST_TEST(!host.server.broadcast(frame_payload(3 * round + 2)));
            for (std::uint32_t index = 0; index < 3; ++index)
                BOOST_REQUIRE(mark_of(client.read_frame()) == 3 * round + index);
        }
    });
}

BOOST_AUTO_TEST_CASE(a_filter_sees_the_sessions_on_their_own_threads) {
    with_both_transports([](auto kind) {
        audience the{kind, 20};
        recorded<std::thread::id> threads;
        auto odd = [&](auto const& connection) {
            threads.add(std::this_thread::get_id());
            return connection->number % 2 == 1;
        };
        BOOST_TEST(!the.host.server.broadcast(frame_payload(1), odd));
        BOOST_TEST(!the.host.server.broadcast(headline{.mark = 2U}, odd, overflow_policy::close));
        BOOST_TEST(!the.host.server.broadcast(headline{.mark = 3U}));
        BOOST_TEST(!the.host.server.broadcast(headline{.mark = 4U}, overflow_policy::drop_newest));
        for (std::size_t index = 0; index < the.clients.size(); ++index) {
            auto& client = the.clients[index];
            if (index % 2 == 1) {
                BOOST_TEST(mark_of(client.read_frame()) == 1U);
                BOOST_TEST(mark_of(client.read_frame()) == 2U);
            }
            BOOST_TEST(mark_of(client.read_frame()) == 3U);
            BOOST_TEST(mark_of(client.read_frame()) == 4U);
        }
        auto all = threads.all();
        BOOST_TEST(all.size() == 40U);
        BOOST_TEST((std::set<std::thread::id>(all.begin(), all.end()).size() == 2U));
    });
}

BOOST_AUTO_TEST_CASE(a_handler_may_broadcast) {
    with_both_transports([](auto kind) {
        running_server<> host{quiet_options(kind)};
        std::atomic<int> opened{0};
        host.server.on_open([&](auto&) { ++opened; });
        host.server.on(1, [&](auto& connection, frame const& message) {
            host.server.broadcast(payload{bytes_of(test::frame(news, number(5)))});
            connection.send(message); // in the handler, so before what is broadcast
        });
        host.start();
        auto speaker = host.connect();
        auto listener = host.connect();
        BOOST_REQUIRE(eventually([&] { return opened == 2; }));
        speaker.send(test::frame(1));
        BOOST_TEST((listener.read_frame() == test::frame(news, number(5))));
        BOOST_TEST((speaker.read_frame() == test::frame(1)));
        BOOST_TEST((speaker.read_frame() == test::frame(news, number(5))));
    });
}

// One of the workers is held by a handler: nobody may get what not all can get.
BOOST_AUTO_TEST_CASE(when_one_worker_has_too_many_waiting_nobody_gets_it) {
    auto wanted = quiet_options();
    wanted.broadcast_capacity = 3;
    audience the{wanted, 2}; // one on each worker
    the.clients[0].send(test::frame(1));
    BOOST_REQUIRE(eventually([&] { return the.holding == 1; }));
    for (std::uint32_t mark = 0; mark < 3; ++mark) {
        BOOST_TEST(!the.host.server.broadcast(frame_payload(mark)));
        BOOST_TEST(mark_of(the.clients[1].read_frame()) == mark); // the other one is not held up
    }
    BOOST_TEST(the.host.server.broadcast(frame_payload(99)) == errc::mailbox_full);
    the.goes_on = true;
    for (std::uint32_t mark = 0; mark < 3; ++mark)
        BOOST_TEST(mark_of(the.clients[0].read_frame()) == mark);
    BOOST_TEST(eventually([&] { return !the.host.server.broadcast(frame_payload(3)); }));
    for (auto& client : the.clients)
        BOOST_TEST(mark_of(client.read_frame()) == 3U);
}

BOOST_AUTO_TEST_CASE(before_the_start_and_after_the_end_nobody_is_reached) {
    running_server<> host;
    BOOST_TEST(host.server.broadcast(frame_payload(1)) == errc::not_running);
    BOOST_TEST(host.server.broadcast(frame_payload(1), [](auto const&) { return true; }) ==
               errc::not_running);
    host.start();
    BOOST_TEST(!host.server.broadcast(frame_payload(1))); // to nobody
    host.stop();
    BOOST_TEST(host.server.broadcast(frame_payload(1)) == errc::not_running);
}

// While members come and go: nobody gets a message twice, torn or out of order.
BOOST_AUTO_TEST_CASE(those_who_come_and_go_meanwhile_get_a_part_in_order) {
    with_both_transports([](auto kind) {
        audience the{kind, 30};
        std::atomic<bool> done{false};
        std::atomic<std::uint32_t> sent{0};
        std::thread publisher{[&] {
            while (!done) {
                if (!the.host.server.broadcast(frame_payload(sent, 200))) ++sent;
                std::this_thread::sleep_for(200us);
            }
        }};
        for (int round = 0; round < 60; ++round) {
            auto guest = the.host.connect();
            auto mark = mark_of(guest.read_frame());
            for (int times = 0; times < 3; ++times)
                BOOST_REQUIRE(mark_of(guest.read_frame()) == ++mark);
        }
        done = true;
        publisher.join();
        for (auto& client : the.clients)
            for (std::uint32_t mark = 0; mark < sent; ++mark)
                BOOST_REQUIRE(mark_of(client.read_frame()) == mark);
    });
}

BOOST_AUTO_TEST_SUITE_END()
