// SPDX-License-Identifier: BSL-1.0
// accept() that fails for want of memory, or for one newcomer. Replaces the program's accept4;
// sanitizers have one of their own, and go without this test.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

#include "support/captured_log.hpp"
#include "support/running_server.hpp"
#include "support/wire.hpp"

#include <boost/test/unit_test.hpp>

#include <dlfcn.h>
#include <sys/socket.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <climits>
#include <thread>
#include <utility>
#include <vector>

namespace {

std::atomic<int> failures_left{0};
std::atomic<int> failure{0};
std::atomic<int> calls{0};

} // namespace

extern "C" int accept4(int descriptor, sockaddr* address, socklen_t* size, int flags) {
    using function = int (*)(int, sockaddr*, socklen_t*, int);
    static auto const real = reinterpret_cast<function>(::dlsym(RTLD_NEXT, "accept4"));
    ++calls;
    if (failures_left > 0) {
        --failures_left;
        errno = failure;
        return -1;
    }
    return real(descriptor, address, size, flags);
}

BOOST_AUTO_TEST_SUITE(failing_accept)

namespace {

using namespace std::chrono_literals;
using test::eventually;
using test::frame;
constexpr std::uint16_t echo = 1;

void fail(int reason, int times) {
    failure = reason;
    failures_left = times;
}

struct host_type : test::running_server<> {
    host_type() {
        server.on(echo, [](auto& connection, auto const& message) { connection.send(message); });
        start();
    }
    ~host_type() { failures_left = 0; }
    bool answers(test::raw_client& client) {
        client.send(frame(echo, "ping"));
        return client.read_frame() == frame(echo, "ping");
    }
};

} // namespace

// Longer than descriptors may be away before newcomers are sent away: that would take memory, too.
BOOST_AUTO_TEST_CASE(whatever_keeps_failing_is_rested_from_until_it_does_not) {
    test::captured_log logs{millipede::info};
    for (auto [reason, text] : {std::pair{ENOMEM, "Cannot allocate memory"},
                                std::pair{ENOBUFS, "No buffer space available"},
                                std::pair{EPERM, "Operation not permitted"}}) {
        host_type host;
        auto resident = host.connect();
        BOOST_TEST(host.answers(resident));
        fail(reason, INT_MAX);
        std::vector<test::raw_client> waiting;
        for (int times = 0; times < 3; ++times)
            waiting.push_back(host.connect());
        BOOST_TEST(eventually([&] { return host.server.metrics().accept_failures > 0; }));
        auto before = calls.load();
        auto begin = std::chrono::steady_clock::now();
        std::this_thread::sleep_for(reason == ENOMEM ? 1200ms : 200ms);
        auto tried = calls - before;
        BOOST_TEST(tried <= (std::chrono::steady_clock::now() - begin) / 50ms + 3);
        BOOST_TEST(host.answers(resident));
        BOOST_TEST(host.server.metrics().accepted == 1U);
        failures_left = 0;
        for (auto& client : waiting)
            BOOST_TEST(host.answers(client));
        auto sums = host.server.metrics();
        BOOST_TEST(sums.accepted == 4U);
        BOOST_TEST(sums.newcomers_shed == 0U);
        BOOST_TEST(sums.opened == 4U);
        BOOST_TEST(logs.count("accept: " + std::string{text} + "; accepting rests for 50 ms") ==
                   1U);
    }
    BOOST_TEST(logs.count("accept: goes on after ") == 3U);
}

BOOST_AUTO_TEST_CASE(the_failure_of_one_newcomer_holds_up_nobody) {
    for (int reason : {ECONNABORTED, EHOSTDOWN, EHOSTUNREACH, EINTR, ENETDOWN, ENETUNREACH, ENONET,
                       ENOPROTOOPT, EOPNOTSUPP, EPROTO}) {
        host_type host;
        fail(reason, 3);
        auto client = host.connect();
        BOOST_TEST(host.answers(client));
        BOOST_TEST(failures_left == 0);
        BOOST_TEST(host.server.metrics().accept_failures == 0U);
        BOOST_TEST(host.server.metrics().accepted == 1U);
    }
}

BOOST_AUTO_TEST_CASE(a_server_stops_while_nobody_can_be_accepted) {
    host_type host;
    fail(ENOMEM, INT_MAX);
    auto client = host.connect();
    BOOST_TEST(eventually([&] { return host.server.metrics().accept_failures > 0; }));
    host.stop();
    BOOST_TEST(!host.failed);
    BOOST_TEST(host.server.metrics().accepted == 0U);
}

BOOST_AUTO_TEST_SUITE_END()

#endif
