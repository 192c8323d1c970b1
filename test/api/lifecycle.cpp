// SPDX-License-Identifier: BSL-1.0
// A server's own life: start, run, stop, timers, counters.
#include "support/child.hpp"
#include "support/printing.hpp"
#include "support/running_server.hpp"

#include <boost/asio/post.hpp>
#include <boost/test/unit_test.hpp>

#include <atomic>
#include <map>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

BOOST_AUTO_TEST_SUITE(lifecycle)

namespace {

using namespace std::chrono_literals;
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
constexpr std::uint16_t flood = 2;

void serve_echo(auto& server) {
    server.on(echo, [](auto& connection, frame const& message) { connection.send(message); });
}

bool answers(test::raw_client client) {
    client.send(test::frame(echo, "ping"));
    return client.read_frame() == test::frame(echo, "ping");
}

} // namespace

BOOST_AUTO_TEST_CASE(a_server_without_an_endpoint_is_refused) {
    BOOST_CHECK_THROW(millipede::server<>{millipede::options{}}, millipede::invalid_option);
}

BOOST_AUTO_TEST_CASE(handlers_come_before_the_start) {
    running_server<> host;
    BOOST_CHECK_THROW(host.server.every(0ms, [] {}), std::invalid_argument);
    host.start();
    auto handler = [](auto&, auto const&) {};
    BOOST_CHECK_THROW(host.server.on(1, handler), std::logic_error);
    BOOST_CHECK_THROW(host.server.on_message(handler), std::logic_error);
    BOOST_CHECK_THROW(host.server.on_open([](auto&) {}), std::logic_error);
    BOOST_CHECK_THROW(host.server.on_close(handler), std::logic_error);
    BOOST_CHECK_THROW(host.server.every(1s, [] {}), std::logic_error);
}

BOOST_AUTO_TEST_CASE(a_server_that_was_never_started_goes_quietly) {
    millipede::server<> server{quiet_options()};
    server.stop();
    BOOST_TEST(server.metrics().opened == 0U);
    BOOST_TEST(server.endpoints().empty());
}

BOOST_AUTO_TEST_CASE(a_server_that_was_started_and_not_run_goes_quietly) {
    millipede::server<> server{quiet_options()};
    server.start();
    server.start(); // once more does nothing
    BOOST_REQUIRE(server.endpoints().size() == 1U);
    test::raw_client client{server.endpoints()[0]};
    client.send(test::frame(echo));
}

BOOST_AUTO_TEST_CASE(a_server_runs_once) {
    running_server<> host;
    host.start();
    host.stop();
    BOOST_TEST(host.ended.load());
    BOOST_CHECK_THROW(host.server.run(), std::logic_error);
}

BOOST_AUTO_TEST_CASE(stop_before_run_is_not_lost) {
    running_server<> host;
    host.server.stop();
    host.server.start();
    host.server.stop();
    host.run();
    BOOST_TEST(eventually([&] { return host.ended.load(); }));
    BOOST_TEST(!host.failed.load());
}

BOOST_AUTO_TEST_CASE(stop_from_a_handler) {
    with_both_transports([](auto kind) {
        running_server<> host{quiet_options(kind)};
        host.server.on(echo, [&](auto& connection, frame const& message) {
            connection.send(message);
            host.server.stop();
            host.server.stop(); // once more does nothing
        });
        host.start();
        auto client = host.connect();
        client.send(test::frame(echo, "last"));
        auto got = client.read_to_end();
        BOOST_TEST((got.bytes == test::frame(echo, "last")));
        BOOST_TEST(got.clean);
        client.close();
        BOOST_TEST(eventually([&] { return host.ended.load(); }));
    });
}

BOOST_AUTO_TEST_CASE(stop_from_a_timer_of_the_server) {
    running_server<> host;
    std::atomic<int> calls{0};
    host.server.every(5ms, [&] {
        if (++calls == 3) host.server.stop();
    });
    host.start();
    BOOST_TEST(eventually([&] { return host.ended.load(); }));
    BOOST_TEST(calls >= 3);
}

BOOST_AUTO_TEST_CASE(while_it_stops_nobody_is_accepted) {
    running_server<> host;
    host.start();
    auto endpoint = host.server.endpoints()[0];
    host.stop();
    BOOST_CHECK_THROW(test::raw_client{endpoint}, std::runtime_error);
}

namespace {

void check_answers_to_what_was_sent_before_the_stop(millipede::transport_kind kind) {
    auto wanted = quiet_options(kind);
    wanted.workers = 2;
    running_server<> host{wanted};
    serve_echo(host.server);
    host.start();
    std::vector<test::raw_client> clients;
    std::string requests;
    for (int times = 0; times < 300; ++times)
        requests += test::frame(echo, "before the stop");
    for (int each = 0; each < 20; ++each) {
        clients.push_back(host.connect());
        clients.back().send(requests);
    }
    BOOST_TEST(eventually([&] { return host.server.metrics().accepted == 20; }));
    host.server.stop();
    int answered = 0;
    for (auto& client : clients) {
        auto got = client.read_to_end();
        BOOST_TEST(got.clean);
        answered += got.bytes == requests;
        client.close();
    }
    BOOST_TEST(answered == 20);
    host.join();
    BOOST_TEST(host.server.metrics().cut == 0U);
}

} // namespace

BOOST_AUTO_TEST_CASE(what_was_sent_before_the_stop_is_answered) {
    check_answers_to_what_was_sent_before_the_stop(millipede::transport_kind::epoll);
}

BOOST_AUTO_TEST_CASE(what_was_sent_before_the_stop_is_answered_over_asio_streams) {
    check_answers_to_what_was_sent_before_the_stop(millipede::transport_kind::asio);
}

BOOST_AUTO_TEST_CASE(replies_in_flight_at_the_stop_all_arrive) {
    with_both_transports([](auto kind) {
        auto wanted = quiet_options(kind);
        wanted.output_max_bytes = 64 * 1024 * 1024;
        wanted.stop_timeout = 20s;
        running_server<> host{wanted};
        std::string large(12'000'000, 'x');
        std::atomic<int> sent{0};
        host.server.on(flood, [&](auto& connection, frame const&) {
            connection.send(payload{bytes_of(large)});
            ++sent;
        });
        host.start();
        std::vector<test::raw_client> clients;
        for (int each = 0; each < 3; ++each) {
            clients.push_back(host.connect(16 * 1024));
            clients.back().send(test::frame(flood));
        }
        BOOST_TEST(eventually([&] { return sent == 3; }));
        host.server.stop();
        std::this_thread::sleep_for(20ms);
        BOOST_TEST(!host.ended);
        for (auto& client : clients) {
            auto got = client.read_to_end();
            BOOST_TEST(got.bytes.size() == large.size());
            BOOST_TEST(got.clean);
            client.close();
        }
        host.join();
        BOOST_TEST(host.server.metrics().cut == 0U);
        BOOST_TEST(host.server.metrics().stopped == 3U);
    });
}

BOOST_AUTO_TEST_CASE(a_peer_that_never_reads_is_cut_off_when_the_stop_timeout_is_over) {
    with_both_transports([](auto kind) {
        auto wanted = quiet_options(kind);
        wanted.output_max_bytes = 64 * 1024 * 1024;
        wanted.stop_timeout = 300ms;
        recorded<error_code> reasons;
        running_server<> host{wanted};
        std::atomic<bool> sent{false};
        host.server.on(flood, [&](auto& connection, frame const&) {
            connection.send(payload{bytes_of(std::string(40'000'000, 'x'))});
            sent = true;
        });
        host.server.on_close([&](auto&, error_code const& reason) { reasons.add(reason); });
        host.start();
        auto client = host.connect(8 * 1024);
        client.send(test::frame(flood));
        BOOST_TEST(eventually([&] { return sent.load(); }));
        auto begin = std::chrono::steady_clock::now();
        host.stop();
        auto took = std::chrono::steady_clock::now() - begin;
        BOOST_TEST((took >= 250ms));
        BOOST_TEST(host.server.metrics().cut == 1U);
        BOOST_REQUIRE(reasons.size() == 1U);
        BOOST_TEST(reasons.at(0) == errc::stopping);
    });
}

BOOST_AUTO_TEST_CASE(a_port_in_use_is_a_listen_error_and_can_be_tried_again) {
    auto wanted = quiet_options();
    auto first = std::make_unique<running_server<>>();
    first->start();
    auto port = first->server.endpoints()[0].port();
    wanted.listen = {"127.0.0.1:0", "127.0.0.1:" + std::to_string(port)};
    running_server<> second{wanted};
    serve_echo(second.server);
    try {
        second.server.start();
        BOOST_ERROR("two servers on one port");
    } catch (millipede::listen_error const& refusal) {
        BOOST_TEST(refusal.code() == boost::asio::error::address_in_use);
        BOOST_TEST(std::string{refusal.what()}.find(wanted.listen[1].endpoint) !=
                   std::string::npos);
    }
    BOOST_TEST(first->ended == false);
    first.reset();
    second.start();
    BOOST_TEST(second.server.endpoints().size() == 2U);
    for (auto const& endpoint : second.server.endpoints())
        BOOST_TEST(answers(test::raw_client{endpoint}));
}

BOOST_AUTO_TEST_CASE(a_server_whose_start_failed_goes_quietly) {
    running_server<> first;
    first.start();
    auto wanted = quiet_options();
    wanted.listen = {"127.0.0.1:" + std::to_string(first.server.endpoints()[0].port())};
    millipede::server<> second{wanted};
    BOOST_CHECK_THROW(second.run(), millipede::listen_error);
    BOOST_CHECK_THROW(second.run(), millipede::listen_error); // it still has not run
    second.stop();
    BOOST_TEST(second.metrics().accepted == 0U);
    BOOST_TEST(second.send(millipede::connection_id{}, payload{}) == errc::not_running);
}

BOOST_AUTO_TEST_CASE(several_listeners_of_both_families) {
    with_both_transports([](auto kind) {
        auto wanted = quiet_options(kind);
        wanted.listen = {"127.0.0.1:0", "127.0.0.1:0", "[::1]:0"};
        running_server<> host{wanted};
        recorded<boost::asio::ip::tcp::endpoint> peers;
        host.server.on_open([&](auto& connection) { peers.add(connection.remote_endpoint()); });
        serve_echo(host.server);
        host.start();
        BOOST_REQUIRE(host.server.endpoints().size() == 3U);
        for (auto const& endpoint : host.server.endpoints()) {
            BOOST_TEST(endpoint.port() != 0);
            test::raw_client client{endpoint};
            auto ours = client.local_endpoint();
            BOOST_TEST(answers(std::move(client)));
            BOOST_TEST((peers.all().back() == ours));
        }
        BOOST_TEST(host.server.endpoints()[2].address().is_v6());
    });
}

BOOST_AUTO_TEST_CASE(every_runs_again_and_again_and_what_it_throws_is_counted) {
    running_server<> host;
    std::atomic<int> failing{0};
    std::atomic<int> working{0};
    host.server.every(10ms, [&] {
        if (++failing <= 3) throw std::runtime_error{"as asked"};
    });
    host.server.every(20ms, [&] { ++working; });
    host.start();
    BOOST_TEST(eventually([&] { return failing > 5 && working > 3; }));
    BOOST_TEST(!host.ended.load());
    BOOST_TEST(host.server.metrics().callback_failures == 3U);
}

BOOST_AUTO_TEST_CASE(whatever_every_throws_the_server_goes_on) {
    running_server<> host;
    std::atomic<int> calls{0};
    host.server.every(10ms, [&] {
        if (++calls == 1) throw 7;
    });
    serve_echo(host.server);
    host.start();
    BOOST_TEST(eventually([&] { return calls > 2 || host.ended; }));
    BOOST_TEST(!host.ended.load());
    if (!host.ended) BOOST_TEST(answers(host.connect()));
}

// A throwing function on the server's own executor may end run(), but the connections that are
// there must then be ended in order: on_close still finds the server's handlers.
BOOST_AUTO_TEST_CASE(a_server_that_run_left_by_an_exception_ends_its_connections) {
    auto code = test::in_child([] {
        std::atomic<int> closed{0};
        {
            auto wanted = quiet_options();
            wanted.linger_timeout = 400ms; // clients stay to the end
            running_server<> host{wanted};
            std::string text = "needed by the handlers";
            host.server.on_close([&closed, text](auto&, error_code const&) {
                std::this_thread::sleep_for(10ms);
                closed += text.size() == 22;
            });
            serve_echo(host.server);
            host.start();
            std::vector<test::raw_client> clients;
            for (int times = 0; times < 10; ++times) {
                clients.push_back(host.connect());
                clients.back().send(test::frame(echo));
                clients.back().read_frame();
            }
            boost::asio::post(host.server.get_executor(), [] { throw 7; });
            if (!eventually([&] { return host.ended.load(); })) host.stop();
            clients.clear();
        }
        return closed == 10 ? 0 : 1;
    });
    BOOST_TEST(code == 0);
}

BOOST_AUTO_TEST_CASE(a_server_can_be_asked_and_sent_to_whatever_has_become_of_it) {
    auto code = test::in_child([] {
        auto wanted = quiet_options();
        wanted.linger_timeout = 400ms; // clients stay to the end
        running_server<> host{wanted};
        recorded<millipede::connection_id> ids;
        std::atomic<std::uint64_t> opened{0};
        host.server.on_open([&](auto& connection) { ids.add(connection.id()); });
        host.server.on_close([&](auto& connection, error_code const&) {
            host.server.send(connection.id(), payload{});
            opened = host.server.metrics().opened;
        });
        host.start();
        auto client = host.connect();
        if (!ids.wait_for(1)) return 2;
        boost::asio::post(host.server.get_executor(), [] { throw 7; });
        if (!eventually([&] { return host.ended.load(); })) host.stop();
        host.join();
        if (opened != 1) return 3;
        if (host.server.send(ids.at(0), payload{}) != errc::not_running) return 4;
        if (host.server.post(ids.at(0), [](auto&) {}) != errc::not_running) return 5;
        return host.server.metrics().opened == 1 ? 0 : 6;
    });
    BOOST_TEST(code == 0);
}

BOOST_AUTO_TEST_CASE(an_exception_on_a_workers_executor_leaves_the_worker_alive) {
    auto code = test::in_child([] {
        running_server<> host;
        host.server.on(flood, [](auto& connection, frame const&) {
            boost::asio::post(connection.get_executor(), [] { throw std::runtime_error{"x"}; });
            boost::asio::post(connection.get_executor(), [] { throw 7; });
        });
        serve_echo(host.server);
        host.start();
        auto client = host.connect();
        client.send(test::frame(flood));
        if (!answers(std::move(client))) return 2;
        bool counted = eventually([&] { return host.server.metrics().callback_failures == 2; });
        return counted && answers(host.connect()) ? 0 : 3;
    });
    BOOST_TEST(code == 0);
}

BOOST_AUTO_TEST_CASE(newcomers_go_to_the_least_loaded_worker) {
    auto wanted = quiet_options();
    wanted.workers = 3;
    std::array<std::atomic<int>, 3> opened{};
    running_server<> host{wanted};
    host.server.on_open([&](auto& connection) { ++opened[connection.worker_index()]; });
    host.start();
    std::vector<test::raw_client> clients;
    for (int times = 0; times < 90; ++times)
        clients.push_back(host.connect());
    BOOST_TEST(eventually([&] { return opened[0] + opened[1] + opened[2] == 90; }));
    for (auto const& each : opened)
        BOOST_TEST(each == 30);
}

namespace {

struct visitor {
    visitor() noexcept { ++made; }
    ~visitor() { ++destroyed; }
    visitor(visitor const&) = delete;
    bool logged_in = false;
    static inline std::atomic<int> made{0};
    static inline std::atomic<int> destroyed{0};
};

} // namespace

// MarioTCP's own soak in small: logins, double logins, half frames, resets, bad frames.
BOOST_AUTO_TEST_CASE(under_churn_the_online_number_is_right_and_the_counters_add_up) {
    static constexpr int threads = 4;
    static constexpr int rounds = 60;
    with_both_transports([](auto kind) {
        visitor::made = visitor::destroyed = 0;
        auto wanted = quiet_options(kind);
        wanted.workers = 3;
        wanted.connections_per_worker = 64;
        wanted.handle_signals = false;
        running_server<visitor> host{wanted};
        millipede::per_worker<std::int64_t> online{host.server};
        std::atomic<int> closes{0};
        host.server.on(0x6101, [&](auto& connection, frame const& message) {
            if (!std::exchange(connection->logged_in, true)) ++online[connection];
            connection.send(message);
        });
        host.server.on(3, [](auto& connection, frame const&) { connection.close(); });
        host.server.on(4, [](auto&, frame const&) { throw std::runtime_error{"as asked"}; });
        host.server.on_close([&](auto& connection, error_code const&) {
            online[connection] -= connection->logged_in;
            ++closes;
        });
        host.start();

        std::vector<test::raw_client> residents;
        auto const login = test::frame(0x6101, "\x01\x02");
        for (int times = 0; times < 10; ++times) {
            residents.push_back(host.connect());
            residents.back().send(login + login);
            residents.back().read(login.size() * 2);
        }
        BOOST_TEST(online.sum() == 10);

        std::atomic<int> wrong{0};
        std::vector<std::thread> visitors;
        for (int thread = 0; thread < threads; ++thread)
            visitors.emplace_back([&, thread] {
                try {
                    for (int round = 0; round < rounds; ++round) {
                        auto client = host.connect();
                        if (round % 3 != 0) {
                            client.send(login);
                            client.read_frame();
                        }
                        switch ((round + thread) % 7) {
                        case 0:
                            break;
                        case 1:
                            client.send("\r\n");
                            break;
                        case 2:
                            client.reset();
                            break;
                        case 3:
                            client.send(test::frame(3));
                            client.read_to_end();
                            break;
                        case 4:
                            client.send(test::frame(4));
                            client.read_to_end();
                            break;
                        case 5:
                            client.send("nonsense");
                            client.read_to_end();
                            break;
                        case 6:
                            client.end_output();
                            client.read_to_end();
                            break;
                        }
                    }
                } catch (std::exception const&) {
                    ++wrong;
                }
            });
        for (auto& each : visitors)
            each.join();
        BOOST_TEST(wrong == 0);
        BOOST_TEST(eventually([&] { return host.server.metrics().released == threads * rounds; }));
        BOOST_TEST(online.sum() == 10);
        residents.erase(residents.begin() + 4, residents.end());
        BOOST_TEST(eventually([&] { return online.sum() == 4; }));
        residents.clear();
        host.stop();

        BOOST_TEST(online.sum() == 0);
        constexpr int all = threads * rounds + 10;
        BOOST_TEST(closes == all);
        BOOST_TEST(visitor::made == all);
        BOOST_TEST(visitor::destroyed == all);
        auto sums = host.server.metrics();
        BOOST_TEST(sums.accepted == static_cast<std::uint64_t>(all));
        BOOST_TEST(sums.opened == sums.accepted);
        BOOST_TEST(sums.closed == sums.accepted);
        BOOST_TEST(sums.released == sums.accepted);
        BOOST_TEST(sums.closed_by_peer + sums.timeouts + sums.errors + sums.refused_frames +
                       sums.shed + sums.stopped + sums.closed_by_server + sums.handler_failures ==
                   sums.closed);
        BOOST_TEST(sums.handler_failures > 0U);
        BOOST_TEST(sums.refused_frames > 0U);
        BOOST_TEST(sums.closed_by_server > 0U);
        BOOST_TEST(sums.full == 0U);
        BOOST_TEST(sums.messages_dropped == 0U);
    });
}

BOOST_AUTO_TEST_CASE(bytes_and_messages_are_counted) {
    with_both_transports([](auto kind) {
        running_server<> host{quiet_options(kind)};
        serve_echo(host.server);
        host.start();
        {
            auto client = host.connect();
            for (int times = 0; times < 10; ++times) {
                client.send(test::frame(echo, "twelve bytes"));
                client.read_frame();
            }
        }
        host.stop();
        auto sums = host.server.metrics();
        BOOST_TEST(sums.messages_received == 10U);
        BOOST_TEST(sums.bytes_received == 200U);
        BOOST_TEST(sums.bytes_sent == 200U);
        BOOST_TEST(sums.writes_blocked == 0U);
    });
}

BOOST_AUTO_TEST_SUITE_END()
