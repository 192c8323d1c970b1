// SPDX-License-Identifier: BSL-1.0
// A server that ends gently: goodbyes, ends spread over a window, a deadline.
#include "support/child.hpp"
#include "support/printing.hpp"
#include "support/running_server.hpp"

#include <boost/endian/arithmetic.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <numeric>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

BOOST_AUTO_TEST_SUITE(drain)

namespace {

using namespace std::chrono_literals;
using millipede::errc;
using millipede::error_code;
using millipede::frame;
using millipede::payload;
using millipede::transport_kind;
using std::chrono::milliseconds;
using std::chrono::steady_clock;
using test::bytes_of;
using test::eventually;
using test::number;
using test::quiet_options;
using test::recorded;
using test::running_server;
using test::with_both_transports;

constexpr std::uint16_t echo = 1;
constexpr std::uint16_t flood = 2;

struct goodbye {
    static constexpr std::uint16_t command = 3;
    boost::endian::little_uint32_t come_back_after_milliseconds;
};

void serve(millipede::server<>& server) {
    server.on(echo, [](auto& connection, frame const& message) { connection.send(message); });
    server.on_drain([](auto& connection, milliseconds come_back_after) {
        connection.send(goodbye{static_cast<std::uint32_t>(come_back_after.count())});
    });
}

std::vector<test::raw_client> connect(running_server<>& host, std::size_t count) {
    std::vector<test::raw_client> clients;
    while (clients.size() < count)
        clients.push_back(host.connect());
    BOOST_REQUIRE(eventually([&] { return host.server.metrics().opened == count; }));
    return clients;
}

// Reads a goodbye and the end of the stream; when to come back, or -1 when it was anything else.
std::int64_t read_goodbye(test::raw_client& client) {
    auto got = client.read_to_end();
    bool is_goodbye = got.clean && got.bytes.size() == 12 &&
                      got.bytes.starts_with(test::frame(goodbye::command, "1234").substr(0, 8));
    return is_goodbye ? std::int64_t{test::little(std::string_view{got.bytes}.substr(8))} : -1;
}

// A conversation until its end.
struct talk {
    std::uint32_t answers = 0;
    int goodbyes = 0;
    bool in_order = true; // every answer, and the goodbye behind them
    bool clean = false;   // end of stream, and no reset

    // Asks on and on, a few requests ahead.
    void hold_with(test::raw_client& client) {
        static constexpr std::uint32_t ahead = 5;
        try {
            for (std::uint32_t sent = 0;;) {
                std::string burst;
                for (auto end = sent + ahead; sent < end; ++sent)
                    burst += test::frame(echo, number(sent));
                client.send(burst); // may come too late: then only the end is read
                while (answers < sent)
                    take(client.read_frame());
            }
        } catch (std::runtime_error const& end) {
            clean = end.what() == std::string_view{"the stream ended early"};
        }
        in_order = in_order && client.read_to_end().bytes.empty(); // no half answer
        client.close();
    }

  private:
    void take(std::string const& got) {
        if (got.size() == 12 && got[6] == goodbye::command) {
            ++goodbyes;
        } else {
            in_order = in_order && goodbyes == 0 && got == test::frame(echo, number(answers));
            ++answers;
        }
    }
};

} // namespace

BOOST_AUTO_TEST_CASE(under_load_every_request_is_answered_or_known_not_to_be) {
    with_both_transports([](transport_kind kind) {
        static constexpr std::size_t count = 20;
        auto wanted = quiet_options(kind);
        wanted.workers = 2;
        wanted.linger_timeout = 5s;
        running_server<> host{wanted};
        serve(host.server);
        host.start();
        auto clients = connect(host, count);
        std::vector<talk> talks(count);
        std::vector<std::thread> threads;
        for (std::size_t each = 0; each < count; ++each)
            threads.emplace_back([&, each] { talks[each].hold_with(clients[each]); });
        BOOST_TEST(eventually([&] { return host.server.metrics().messages_received > 1'000; }));
        auto before = host.server.metrics().messages_received;
        host.server.drain(20s, 300ms);
        for (auto& thread : threads)
            thread.join();
        host.join();
        std::uint64_t answers = 0;
        for (auto const& each : talks) {
            BOOST_TEST(each.clean);
            BOOST_TEST(each.in_order);
            BOOST_TEST(each.goodbyes == 1);
            answers += each.answers;
        }
        auto sums = host.server.metrics();
        BOOST_TEST(answers == sums.messages_received); // nothing that it took is lost
        BOOST_TEST(sums.messages_received > before);   // it was served meanwhile
        BOOST_TEST(sums.stopped == count);
        BOOST_TEST(host.server.drained().in_peace == count);
        BOOST_TEST(host.server.drained().cut == 0U);
    });
}

BOOST_AUTO_TEST_CASE(connections_end_one_after_the_other) {
    with_both_transports([](transport_kind kind) {
        static constexpr std::size_t count = 40;
        static constexpr auto spread = 400ms;
        recorded<steady_clock::duration> ends;
        running_server<> host{quiet_options(kind)};
        serve(host.server);
        steady_clock::time_point begin;
        host.server.on_close(
            [&](auto&, error_code const&) { ends.add(steady_clock::now() - begin); });
        host.start();
        auto clients = connect(host, count);
        begin = steady_clock::now();
        host.server.drain(20s, spread);
        for (auto& client : clients) {
            auto come_back_after = read_goodbye(client);
            BOOST_TEST(come_back_after >= 0);
            BOOST_TEST(come_back_after < spread.count());
            client.close();
        }
        host.join();
        BOOST_REQUIRE(ends.size() == count);
        for (std::size_t index = 0; index < count; ++index)
            BOOST_TEST((ends.at(index) >= spread * static_cast<int>(index) / int{count}));
        BOOST_TEST((host.server.drained().took >= spread * (int{count} - 1) / int{count}));
    });
}

BOOST_AUTO_TEST_CASE(clients_are_told_to_come_back_over_more_than_the_deadline) {
    running_server<> host;
    serve(host.server);
    host.start();
    auto clients = connect(host, 200);
    host.server.drain(2s, 100s);
    std::vector<std::int64_t> moments;
    for (auto& client : clients) {
        moments.push_back(read_goodbye(client));
        client.close();
    }
    host.join();
    auto [least, most] = std::minmax_element(moments.begin(), moments.end());
    BOOST_TEST(*least >= 0);
    BOOST_TEST(*least < 20'000);
    BOOST_TEST(*most > 80'000);
    BOOST_TEST(*most < 100'000);
    auto mean = std::accumulate(moments.begin(), moments.end(), std::int64_t{0}) / 200;
    BOOST_TEST(mean > 35'000); // seven standard deviations from the middle
    BOOST_TEST(mean < 65'000);
    BOOST_TEST(host.server.drained().cut == 0U);
}

BOOST_AUTO_TEST_CASE(without_a_spread_all_end_at_once) {
    with_both_transports([](transport_kind kind) {
        running_server<> host{quiet_options(kind)};
        serve(host.server);
        host.start();
        auto clients = connect(host, 30);
        host.server.drain(20s, 0ms);
        for (auto& client : clients) {
            BOOST_TEST(read_goodbye(client) == 0);
            client.close();
        }
        host.join();
        BOOST_TEST(host.server.drained().in_peace == 30U);
    });
}

BOOST_AUTO_TEST_CASE(while_it_drains_nobody_is_accepted_and_those_who_are_there_are_served) {
    running_server<> host;
    serve(host.server);
    host.start();
    auto clients = connect(host, 1);
    auto endpoint = host.server.endpoints()[0];
    host.server.drain(7000h, 7000h);
    BOOST_TEST(eventually([&] {
        try {
            test::raw_client{endpoint};
            return false;
        } catch (std::runtime_error const&) {
            return true;
        }
    }));
    clients[0].send(test::frame(echo, "still served"));
    BOOST_TEST((clients[0].read_frame() == test::frame(echo, "still served")));
    host.server.drain(0ms, 0ms); // once more does nothing
    clients[0].send(test::frame(echo, "and still"));
    BOOST_TEST((clients[0].read_frame() == test::frame(echo, "and still")));
    clients.clear();
    BOOST_TEST(eventually([&] { return host.ended.load(); })); // when nobody is left
    BOOST_TEST(host.server.drained().in_peace >= 1U);
    BOOST_TEST(host.server.drained().cut == 0U);
}

BOOST_AUTO_TEST_CASE(a_stop_cuts_it_short) {
    with_both_transports([](transport_kind kind) {
        running_server<> host{quiet_options(kind)};
        serve(host.server);
        host.start();
        auto clients = connect(host, 50);
        host.server.drain(1h, 1h);
        host.server.stop();
        for (auto& client : clients) {
            BOOST_TEST(read_goodbye(client) >= 0);
            client.close();
        }
        BOOST_TEST(eventually([&] { return host.ended.load(); }));
        BOOST_TEST(host.server.drained().in_peace == 50U);
    });
}

BOOST_AUTO_TEST_CASE(a_stop_shortens_the_deadline_of_a_drain) {
    auto wanted = quiet_options();
    wanted.output_max_bytes = 64 * 1024 * 1024;
    wanted.stop_timeout = 100ms;
    running_server<> host{wanted};
    host.server.on(flood, [](auto& connection, frame const&) {
        connection.send(payload{bytes_of(std::string(40'000'000, 'x'))});
    });
    host.start();
    auto client = host.connect(8 * 1024);
    client.send(test::frame(flood));
    BOOST_TEST(eventually([&] { return host.server.metrics().writes_blocked >= 1; }));
    host.server.drain(1h, 0ms);
    host.server.stop();
    BOOST_TEST(eventually([&] { return host.ended.load(); }));
    BOOST_TEST(host.server.drained().cut == 1U);
}

BOOST_AUTO_TEST_CASE(after_a_stop_it_does_nothing) {
    running_server<> host;
    serve(host.server);
    host.start();
    auto clients = connect(host, 3);
    host.server.stop();
    host.server.drain(1h, 1h);
    for (auto& client : clients) {
        auto got = client.read_to_end();
        BOOST_TEST(got.bytes.empty()); // a stop says no goodbye
        BOOST_TEST(got.clean);
        client.close();
    }
    BOOST_TEST(eventually([&] { return host.ended.load(); }));
}

BOOST_AUTO_TEST_CASE(before_the_run_it_is_not_lost) {
    running_server<> host;
    serve(host.server);
    host.server.start();
    auto client = host.connect();
    host.server.drain(20s, 0ms);
    host.run();
    BOOST_TEST(read_goodbye(client) == 0);
    client.close();
    BOOST_TEST(eventually([&] { return host.ended.load(); }));
}

BOOST_AUTO_TEST_CASE(from_a_handler) {
    running_server<> host;
    serve(host.server);
    host.server.on(flood, [&](auto&, frame const&) { host.server.drain(20s, 0ms); });
    host.start();
    auto client = host.connect();
    client.send(test::frame(flood));
    BOOST_TEST(read_goodbye(client) == 0);
    client.close();
    BOOST_TEST(eventually([&] { return host.ended.load(); }));
}

BOOST_AUTO_TEST_CASE(at_the_deadline_whoever_does_not_read_is_cut_off) {
    with_both_transports([](transport_kind kind) {
        auto wanted = quiet_options(kind);
        wanted.output_max_bytes = 64 * 1024 * 1024;
        running_server<> host{wanted};
        serve(host.server);
        host.server.on(flood, [](auto& connection, frame const&) {
            connection.send(payload{bytes_of(std::string(40'000'000, 'x'))});
        });
        host.start();
        auto others = connect(host, 3);
        auto client = host.connect(8 * 1024);
        client.send(test::frame(flood));
        BOOST_TEST(eventually([&] { return host.server.metrics().writes_blocked >= 1; }));
        auto begin = steady_clock::now();
        host.server.drain(400ms, 0ms);
        for (auto& other : others) {
            BOOST_TEST(read_goodbye(other) == 0);
            other.close();
        }
        host.join();
        BOOST_TEST((steady_clock::now() - begin >= 350ms));
        BOOST_TEST(host.server.drained().cut == 1U);
        BOOST_TEST(host.server.drained().in_peace == 3U);
        BOOST_TEST((host.server.drained().took >= 350ms));
    });
}

BOOST_AUTO_TEST_CASE(answers_of_offloaded_handlers_come_before_the_goodbye) {
    with_both_transports([](transport_kind kind) {
        std::atomic<bool> goes_on{false};
        running_server<> host{quiet_options(kind)};
        serve(host.server);
        host.server.on(9, millipede::offload([&](millipede::connection_id, frame const& message) {
                           eventually([&] { return goes_on.load(); });
                           return message;
                       }));
        host.start();
        auto clients = connect(host, 2); // the first has its turn before the second
        clients[0].send(test::frame(9, "slow"));
        BOOST_TEST(eventually([&] { return host.server.metrics().offloaded == 1; }));
        host.server.drain(20s, 0ms);
        BOOST_TEST(read_goodbye(clients[1]) == 0);
        clients[1].close();
        BOOST_TEST(!clients[0].readable(20ms));
        goes_on = true;
        BOOST_TEST((clients[0].read_frame() == test::frame(9, "slow")));
        BOOST_TEST(read_goodbye(clients[0]) == 0);
        clients[0].close();
        host.join();
        BOOST_TEST(host.server.drained().cut == 0U);
    });
}

BOOST_AUTO_TEST_CASE(what_a_goodbye_does_concerns_its_connection_only) {
    with_both_transports([](transport_kind kind) {
        recorded<error_code> reasons;
        std::atomic<int> goodbyes{0};
        running_server<> host{quiet_options(kind)};
        host.server.on_drain([&](auto& connection, milliseconds) {
            connection.send(goodbye{});
            auto turn = goodbyes++;
            if (turn == 0) throw std::runtime_error{"as asked"};
            if (turn == 1) connection.close(errc::bad_message);
        });
        host.server.on_close([&](auto&, error_code const& reason) { reasons.add(reason); });
        host.start();
        auto clients = connect(host, 3);
        host.server.drain(20s, 0ms);
        for (auto& client : clients) {
            BOOST_TEST(read_goodbye(client) == 0);
            client.close();
        }
        host.join();
        BOOST_REQUIRE(reasons.size() == 3U);
        BOOST_TEST(reasons.at(0) == errc::handler_failed);
        BOOST_TEST(reasons.at(1) == errc::bad_message);
        BOOST_TEST(reasons.at(2) == errc::stopping);
    });
}

BOOST_AUTO_TEST_CASE(a_signal_drains) {
    auto code = test::in_child([] {
        auto wanted = quiet_options();
        wanted.handle_signals = true;
        wanted.drain_spread = 200ms;
        wanted.stop_timeout = 20s;
        running_server<> host{wanted};
        serve(host.server);
        host.start();
        std::vector<test::raw_client> clients;
        for (int each = 0; each < 20; ++each)
            clients.push_back(host.connect());
        if (!eventually([&] { return host.server.metrics().opened == 20; })) return 2;
        auto begin = steady_clock::now();
        ::kill(::getpid(), SIGTERM);
        for (auto& client : clients) {
            auto come_back_after = read_goodbye(client);
            if (come_back_after < 0 || come_back_after >= 200) return 3;
            client.close();
        }
        if (!eventually([&] { return host.ended.load(); })) return 4;
        if (steady_clock::now() - begin < 180ms) return 5; // the last one's turn comes late
        return host.server.drained().in_peace == 20 ? 0 : 6;
    });
    BOOST_TEST(code == 0);
}

BOOST_AUTO_TEST_CASE(bad_times_and_late_handlers_are_refused) {
    running_server<> host;
    BOOST_CHECK_THROW(host.server.drain(-1ms, 0ms), std::invalid_argument);
    BOOST_CHECK_THROW(host.server.drain(0ms, -1ms), std::invalid_argument);
    BOOST_CHECK_THROW(host.server.drain(24h * 366, 0ms), std::invalid_argument);
    BOOST_CHECK_THROW(host.server.drain(0ms, 24h * 366), std::invalid_argument);
    BOOST_TEST(host.server.drained().in_peace == 0U);
    host.start();
    BOOST_CHECK_THROW(host.server.on_drain([](auto&, milliseconds) {}), std::logic_error);
}

BOOST_AUTO_TEST_SUITE_END()
