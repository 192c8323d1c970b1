// SPDX-License-Identifier: BSL-1.0
// Limits on newcomers: in all, per source address, and per second.
#include "support/running_server.hpp"

#include <boost/test/unit_test.hpp>

#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

BOOST_AUTO_TEST_SUITE(admission)

namespace {

using namespace std::chrono_literals;
using test::eventually;
using test::quiet_options;
using test::raw_client;
using test::with_both_transports;

constexpr std::uint16_t echo = 1;
constexpr std::uint16_t leave = 2;

struct host_type : test::running_server<> {
    explicit host_type(millipede::options wanted) : running_server{std::move(wanted)} {
        server.on(echo, [](auto& connection, auto const& message) { connection.send(message); });
        server.on(leave, [](auto& connection, auto const&) { connection.close(); });
        start();
    }
    ~host_type() { stop(); }

    raw_client connect_from(char const* source) {
        return raw_client{server.endpoints().at(0), 0, source};
    }
    millipede::metrics totals() { return server.metrics(); }
};

bool answers(raw_client& client) {
    client.send(test::frame(echo, "ping"));
    return client.read_frame() == test::frame(echo, "ping");
}

bool served(raw_client client) {
    try {
        return answers(client);
    } catch (std::runtime_error const&) {
        return false;
    }
}

bool turned_away(raw_client client) {
    auto got = client.read_to_end();
    return got.clean && got.bytes.empty();
}

bool balanced(millipede::metrics const& sums) {
    return sums.accepted == sums.opened + sums.full + sums.newcomers_over_limit +
                                sums.newcomers_over_source_limit + sums.newcomers_over_rate +
                                sums.newcomers_over_source_rate + sums.newcomers_shed;
}

} // namespace

BOOST_AUTO_TEST_CASE(connections_in_all) {
    with_both_transports([](auto kind) {
        auto wanted = quiet_options(kind);
        wanted.workers = 2;
        wanted.connections_max = 3;
        host_type host{wanted};
        std::vector<raw_client> clients;
        for (int times = 0; times < 3; ++times) {
            clients.push_back(host.connect());
            BOOST_TEST(answers(clients.back()));
        }
        BOOST_TEST(turned_away(host.connect()));
        BOOST_TEST(host.totals().newcomers_over_limit == 1U);
        clients.pop_back();
        BOOST_TEST(eventually([&] { return host.totals().released == 1; }));
        clients.push_back(host.connect());
        for (auto& client : clients)
            BOOST_TEST(answers(client));
        BOOST_TEST(turned_away(host.connect()));
        BOOST_TEST(host.totals().newcomers_over_limit == 2U);
        BOOST_TEST(host.totals().full == 0U);
        BOOST_TEST(balanced(host.totals()));
    });
}

BOOST_AUTO_TEST_CASE(connections_of_one_source) {
    with_both_transports([](auto kind) {
        auto wanted = quiet_options(kind);
        wanted.workers = 2;
        wanted.connections_per_source_max = 3;
        host_type host{wanted};
        std::vector<raw_client> clients;
        for (auto const* source : {"127.0.0.2", "127.0.0.3"}) {
            for (int times = 0; times < 3; ++times) {
                clients.push_back(host.connect_from(source));
                BOOST_TEST(answers(clients.back()));
            }
            BOOST_TEST(turned_away(host.connect_from(source)));
        }
        BOOST_TEST(host.totals().newcomers_over_source_limit == 2U);
        clients.erase(clients.begin()); // one of 127.0.0.2
        BOOST_TEST(eventually([&] { return host.totals().released == 1; }));
        BOOST_TEST(turned_away(host.connect_from("127.0.0.3")));
        auto successor = host.connect_from("127.0.0.2");
        BOOST_TEST(answers(successor));
        BOOST_TEST(turned_away(host.connect_from("127.0.0.2")));
        for (auto& client : clients)
            BOOST_TEST(answers(client));
        BOOST_TEST(balanced(host.totals()));
    });
}

// However a connection ends, it is taken off its source's count.
BOOST_AUTO_TEST_CASE(every_ending_makes_room_for_its_source) {
    with_both_transports([](auto kind) {
        auto wanted = quiet_options(kind);
        wanted.connections_per_source_max = 1;
        wanted.connections_per_worker = 3;
        wanted.idle_timeout = 100ms;
        wanted.linger_timeout = 50ms; // one of them stays
        host_type host{wanted};
        std::uint64_t ended = 0;
        auto in_and_out = [&](auto end) {
            auto client = host.connect_from("127.0.0.2");
            BOOST_TEST(answers(client));
            end(client);
            ++ended;
            BOOST_TEST(eventually([&] { return host.totals().released == ended; }));
        };
        for (int times = 0; times < 2; ++times) {
            in_and_out([](raw_client& client) { client.close(); });
            in_and_out([](raw_client& client) { client.reset(); });
            in_and_out([](raw_client& client) {
                client.send(test::frame(leave));
                client.read_to_end();
                client.close();
            });
            in_and_out([](raw_client& client) { client.send("this is no frame"); });
            in_and_out([](raw_client& client) { client.read_to_end(); }); // idle
        }
        BOOST_TEST(host.totals().newcomers_over_source_limit == 0U);
        BOOST_TEST(host.totals().opened == ended);
    });
}

BOOST_AUTO_TEST_CASE(who_finds_no_slot_does_not_count_for_its_source) {
    auto wanted = quiet_options();
    wanted.connections_per_source_max = 2;
    wanted.connections_per_worker = 1;
    host_type host{wanted};
    auto resident = host.connect_from("127.0.0.3");
    BOOST_TEST(answers(resident));
    for (int times = 0; times < 5; ++times)
        BOOST_TEST(turned_away(host.connect_from("127.0.0.2")));
    BOOST_TEST(host.totals().full == 5U);
    BOOST_TEST(host.totals().newcomers_over_source_limit == 0U);
}

BOOST_AUTO_TEST_CASE(counts_per_source_are_right_after_a_churn_on_all_workers) {
    auto wanted = quiet_options();
    wanted.workers = 3;
    wanted.connections_per_source_max = 20;
    host_type host{wanted};
    std::vector<std::thread> threads;
    for (std::string source : {"127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5"})
        threads.emplace_back([&host, source] {
            for (int times = 0; times < 150; ++times) {
                auto client = host.connect_from(source.c_str());
                client.send(test::frame(echo));
                if (times % 3 == 0) client.reset();
            }
        });
    for (auto& thread : threads)
        thread.join();
    BOOST_TEST(eventually([&] {
        auto sums = host.totals();
        return sums.accepted == 600 && sums.released == sums.opened && balanced(sums);
    }));
    auto refused = host.totals().newcomers_over_source_limit;
    std::vector<raw_client> clients;
    for (int times = 0; times < 20; ++times) {
        clients.push_back(host.connect_from("127.0.0.4"));
        BOOST_TEST(answers(clients.back()));
    }
    BOOST_TEST(turned_away(host.connect_from("127.0.0.4")));
    BOOST_TEST(host.totals().newcomers_over_source_limit == refused + 1);
}

BOOST_AUTO_TEST_CASE(new_connections_per_second) {
    auto wanted = quiet_options();
    wanted.accepts_per_second = 2;
    wanted.accepts_burst = 5;
    host_type host{wanted};
    auto begin = std::chrono::steady_clock::now();
    std::vector<raw_client> clients;
    for (int times = 0; times < 20; ++times)
        clients.push_back(host.connect());
    BOOST_TEST(eventually([&] { return host.totals().accepted == 20 && balanced(host.totals()); }));
    auto seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    auto opened = host.totals().opened;
    BOOST_TEST(opened >= 5U);
    BOOST_TEST(static_cast<double>(opened) <= 5 + 2 * seconds + 1);
    BOOST_TEST(answers(clients.front()));
    if (opened < 20) BOOST_TEST(turned_away(std::move(clients.back())));
    BOOST_TEST(eventually([&] { return served(host.connect()); })); // a moment later
}

BOOST_AUTO_TEST_SUITE_END()
