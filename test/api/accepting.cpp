// SPDX-License-Identifier: BSL-1.0
// Newcomers when there is no room for them.
#include "support/child.hpp"
#include "support/running_server.hpp"

#include <boost/test/unit_test.hpp>

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <stdexcept>
#include <string>
#include <vector>

BOOST_AUTO_TEST_SUITE(accepting)

namespace {

using namespace std::chrono_literals;
using test::eventually;
using test::quiet_options;
using test::running_server;
using test::with_both_transports;

constexpr std::uint16_t echo = 1;

// Who waits in vain for a descriptor of the server's is sent away after so long.
constexpr auto sent_away_after = 1s;

void serve_echo(auto& server) {
    server.on(echo, [](auto& connection, auto const& message) { connection.send(message); });
}

bool answers(test::raw_client& client) {
    client.send(test::frame(echo, "ping"));
    return client.read_frame() == test::frame(echo, "ping");
}

// Whether it is answered, and not sent away.
bool is_served(test::raw_client& client) {
    try {
        return answers(client);
    } catch (std::runtime_error const&) {
        return false;
    }
}

// Lowers the limit until so many can still be opened; returns what it was.
rlimit leave_descriptors(std::size_t count) {
    rlimit before{};
    ::getrlimit(RLIMIT_NOFILE, &before);
    std::vector<int> free; // the lowest
    while (free.size() < count)
        free.push_back(::dup(2));
    auto lowered = before;
    lowered.rlim_cur = static_cast<rlim_t>(free.back()) + 1;
    for (int descriptor : free)
        ::close(descriptor);
    ::setrlimit(RLIMIT_NOFILE, &lowered);
    return before;
}

std::chrono::microseconds processor_time() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    return std::chrono::seconds{usage.ru_utime.tv_sec + usage.ru_stime.tv_sec} +
           std::chrono::microseconds{usage.ru_utime.tv_usec + usage.ru_stime.tv_usec};
}

} // namespace

BOOST_AUTO_TEST_CASE(when_all_slots_are_in_use_a_newcomer_reads_the_end_of_the_stream) {
    with_both_transports([](auto kind) {
        auto wanted = quiet_options(kind);
        wanted.workers = 2;
        wanted.connections_per_worker = 3;
        running_server<> host{wanted};
        serve_echo(host.server);
        host.start();
        std::vector<test::raw_client> clients;
        for (int times = 0; times < 6; ++times) {
            clients.push_back(host.connect());
            BOOST_TEST(answers(clients.back()));
        }
        for (int times = 0; times < 5; ++times) {
            auto got = host.connect().read_to_end();
            BOOST_TEST(got.clean);
            BOOST_TEST(got.bytes.empty());
        }
        BOOST_TEST(host.server.metrics().full == 5U);
        for (auto& client : clients)
            BOOST_TEST(answers(client));
        clients.pop_back();
        BOOST_TEST(eventually([&] { return host.server.metrics().released == 1; }));
        clients.push_back(host.connect());
        BOOST_TEST(answers(clients.back()));
        BOOST_TEST(host.server.metrics().full == 5U);
    });
}

BOOST_AUTO_TEST_CASE(when_descriptors_run_out_accepting_rests_and_comes_back) {
    auto code = test::in_child([] {
        auto wanted = quiet_options();
        wanted.listen = {"127.0.0.1:0", "127.0.0.1:0"};
        wanted.linger_timeout = 400ms; // clients stay to the end
        running_server<> host{wanted};
        serve_echo(host.server);
        host.start();
        auto resident = host.connect();
        if (!answers(resident)) return 2;

        std::vector<test::raw_client> clients;
        auto begin = std::chrono::steady_clock::now();
        rlimit before = leave_descriptors(21);
        try {
            // Each takes a descriptor for the client and one for the server. As their number is
            // odd, the last client has one and finds none there, however fast the server is.
            for (int times = 0; times < 40; ++times)
                clients.push_back(host.connect());
        } catch (std::runtime_error const&) {
        }
        if (clients.size() < 5 || clients.size() > 21) return 3;
        if (!eventually([&] { return host.server.metrics().accept_failures > 0; })) return 4;

        auto cpu = processor_time();
        auto failures = host.server.metrics().accept_failures;
        std::this_thread::sleep_for(400ms);
        if (processor_time() - cpu > 200ms) return 5;
        if (host.server.metrics().accept_failures - failures > 30) return 6;
        if (!answers(resident)) return 7; // those who are in are served

        ::setrlimit(RLIMIT_NOFILE, &before);
        // Those who waited get in; unless the machine stood still for so long that their time was
        // over meanwhile.
        auto served = std::count_if(clients.begin(), clients.end(), is_served);
        bool in_time = std::chrono::steady_clock::now() - begin < sent_away_after;
        if (in_time && served != std::ssize(clients)) return 8;
        test::raw_client late{host.server.endpoints()[1]};
        if (!answers(late)) return 9;
        clients.clear();
        host.stop();
        return 0;
    });
    BOOST_TEST(code == 0);
}

BOOST_AUTO_TEST_CASE(when_descriptors_stay_away_those_who_wait_are_sent_away) {
    auto code = test::in_child([] {
        auto wanted = quiet_options();
        wanted.connections_per_source_max = 2;
        wanted.linger_timeout = 400ms; // clients stay to the end
        running_server<> host{wanted};
        serve_echo(host.server);
        host.server.start();
        // They wait in the kernel, and there is one descriptor for the server to accept with.
        auto resident = host.connect();
        std::vector<test::raw_client> clients;
        while (clients.size() < 40)
            clients.push_back(host.connect());
        rlimit before = leave_descriptors(1);
        host.run();
        if (!answers(resident)) return 2;
        for (auto& client : clients) {
            auto got = client.read_to_end();
            if (!got.clean || !got.bytes.empty()) return 3;
        }
        auto sums = host.server.metrics();
        if (sums.newcomers_shed != 40 || sums.accepted != 41) return 4;
        if (!answers(resident)) return 5; // those who are in are served

        ::setrlimit(RLIMIT_NOFILE, &before);
        auto late = host.connect();
        if (!answers(late)) return 6;
        if (host.server.metrics().newcomers_shed != 40) return 7;
        host.stop();
        return host.failed ? 8 : 0;
    });
    BOOST_TEST(code == 0);
}

BOOST_AUTO_TEST_CASE(a_server_stops_while_accepting_rests) {
    auto code = test::in_child([] {
        auto wanted = quiet_options();
        wanted.linger_timeout = 400ms; // clients stay to the end
        running_server<> host{wanted};
        serve_echo(host.server);
        host.start();
        auto client = host.connect();
        if (!answers(client)) return 2;
        leave_descriptors(1); // for the client, none for the server
        auto second = host.connect();
        if (!eventually([&] { return host.server.metrics().accept_failures > 0; })) return 3;
        client.close();
        host.stop();
        return host.failed ? 4 : 0;
    });
    BOOST_TEST(code == 0);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) // they need memory themselves
BOOST_AUTO_TEST_CASE(a_connection_that_needs_memory_when_there_is_none_is_closed_and_no_other) {
    auto code = test::in_child([] {
        std::atomic<int> without_memory{0};
        std::atomic<int> other_endings{0};
        auto wanted = quiet_options();
        wanted.scratch_bytes = 256 * 1024;
        wanted.linger_timeout = 400ms; // clients stay to the end
        running_server<> host{wanted};
        serve_echo(host.server);
        host.server.on_close([&](auto&, millipede::error_code const& reason) {
            ++(reason == millipede::errc::no_memory ? without_memory : other_endings);
        });
        host.start();
        auto modest = host.connect();
        if (!answers(modest)) return 2;
        std::vector<test::raw_client> greedy;
        while (greedy.size() < 400) { // more than free blocks that the process has already
            greedy.push_back(host.connect());
            if (!answers(greedy.back())) return 3;
        }
        auto const half = test::frame(echo, std::string(60'000, 'x')).substr(0, 50'000);
        auto const ping = test::frame(echo, "ping");
        rlimit before{};
        ::getrlimit(RLIMIT_DATA, &before);
        rlimit none{4'096, before.rlim_max}; // 0 would mean no limit
        ::setrlimit(RLIMIT_DATA, &none);
        for (auto& client : greedy) // each needs a buffer until it sends the rest
            client.send(half);
        bool some = eventually([&] { return without_memory > 0; });
        modest.send(ping);
        bool answered = modest.readable(test::patience);
        ::setrlimit(RLIMIT_DATA, &before);
        if (!some) return 4;
        if (!answered || modest.read_frame() != ping) return 5;
        auto late = host.connect();
        if (!answers(late)) return 6;
        if (other_endings != 0) return 7;
        if (host.server.metrics().errors != static_cast<std::uint64_t>(without_memory)) return 8;
        greedy.clear();
        host.stop();
        return host.failed ? 9 : 0;
    });
    BOOST_TEST(code == 0);
}
#endif

BOOST_AUTO_TEST_SUITE_END()
