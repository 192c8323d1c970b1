// SPDX-License-Identifier: BSL-1.0
// The acceptor on an io_context of the test's own, and workers that never run.
#include <millipede/process/acceptor.hpp>

#include <millipede/base/endpoint.hpp>

#include "support/wait.hpp"
#include "unit/support/exhausted_descriptors.hpp"

#include <boost/test/unit_test.hpp>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <vector>

BOOST_AUTO_TEST_SUITE(acceptor)

namespace {

namespace asio = boost::asio;
using tcp = asio::ip::tcp;
using millipede::test::exhausted_descriptors;
using namespace std::chrono_literals;

millipede::options small_options() {
    millipede::options limits;
    limits.workers = 2;
    limits.connections_per_worker = 3;
    limits.handoff_capacity = 16;
    return limits;
}

struct fixture {
    explicit fixture(millipede::options wanted = small_options()) : limits{std::move(wanted)} {
        millipede::set_log_level(millipede::fatal);
    }
    ~fixture() { millipede::set_log_level(millipede::info); }

    tcp::endpoint listen() {
        auto opened = millipede::detail::listening_socket::open("127.0.0.1:0", limits);
        subject.add(opened.front(), 0);
        return opened.front().endpoint().value();
    }
    std::size_t run() {
        context.restart();
        return context.poll();
    }
    tcp::socket connect(tcp::endpoint const& endpoint) {
        tcp::socket client{clients};
        client.connect(endpoint);
        return client;
    }

    millipede::options limits;
    asio::io_context context;
    asio::io_context clients;
    millipede::detail::worker_pool workers{limits, {}};
    millipede::detail::acceptor subject{context, workers, limits};
};

int option_of(int descriptor, int level, int name) {
    int value = -1;
    socklen_t size = sizeof value;
    ::getsockopt(descriptor, level, name, &value, &size);
    return value;
}

bool reads_the_end(tcp::socket& client) {
    char one;
    boost::system::error_code code;
    client.read_some(asio::buffer(&one, 1), code);
    return code == asio::error::eof;
}

std::uint64_t waiting_for(millipede::detail::worker& worker) {
    std::uint64_t count = 0;
    millipede::detail::accepted_socket socket;
    for (; worker.incoming().take(socket); ++count)
        ::close(socket.descriptor);
    return count;
}

} // namespace

BOOST_FIXTURE_TEST_CASE(a_batch_is_shared_out_evenly, fixture) {
    auto endpoint = listen();
    subject.start();
    std::vector<tcp::socket> sockets;
    for (int times = 0; times < 6; ++times)
        sockets.push_back(connect(endpoint));
    run();
    BOOST_TEST(subject.counters().accepted.load() == 6U);
    BOOST_TEST(subject.counters().full.load() == 0U);
    BOOST_TEST(waiting_for(*workers.find(0)) == 3U);
    BOOST_TEST(waiting_for(*workers.find(1)) == 3U);
}

BOOST_FIXTURE_TEST_CASE(newcomers_beyond_all_slots_read_the_end_of_the_stream, fixture) {
    auto endpoint = listen();
    subject.start();
    std::vector<tcp::socket> sockets;
    for (int times = 0; times < 8; ++times)
        sockets.push_back(connect(endpoint));
    run();
    BOOST_TEST(subject.counters().accepted.load() == 8U);
    BOOST_TEST(subject.counters().full.load() == 2U);
    for (std::size_t index = 6; index < 8; ++index)
        BOOST_TEST(reads_the_end(sockets[index]));
}

BOOST_AUTO_TEST_CASE(a_full_hand_over_queue_closes_the_newcomer) {
    auto limits = small_options();
    limits.workers = 1;
    limits.handoff_capacity = 2;
    fixture subject{limits};
    auto endpoint = subject.listen();
    subject.subject.start();
    std::vector<tcp::socket> sockets;
    for (int times = 0; times < 3; ++times)
        sockets.push_back(subject.connect(endpoint));
    subject.run();
    BOOST_TEST(subject.subject.counters().full.load() == 1U);
}

BOOST_FIXTURE_TEST_CASE(connections_wait_in_the_kernel_until_the_start, fixture) {
    auto client = connect(listen());
    run();
    BOOST_TEST(subject.counters().accepted.load() == 0U);
    subject.start();
    run();
    BOOST_TEST(subject.counters().accepted.load() == 1U);
}

BOOST_FIXTURE_TEST_CASE(after_stopping_the_kernel_refuses, fixture) {
    auto endpoint = listen();
    subject.start();
    subject.stop();
    run();
    tcp::socket client{clients};
    boost::system::error_code code;
    client.connect(endpoint, code);
    BOOST_TEST(code == asio::error::connection_refused);
}

BOOST_FIXTURE_TEST_CASE(an_endpoint_in_use_is_named, fixture) {
    auto endpoint = listen();
    try {
        millipede::detail::listening_socket::open(millipede::to_string(endpoint), limits);
        BOOST_ERROR("it listens twice");
    } catch (millipede::listen_error const& refusal) {
        BOOST_TEST(refusal.code() == asio::error::address_in_use);
        BOOST_TEST(std::string{refusal.what()}.find(std::to_string(endpoint.port())) !=
                   std::string::npos);
    }
}

BOOST_FIXTURE_TEST_CASE(without_descriptors_accepting_rests_and_goes_on_later, fixture) {
    auto endpoint = listen();
    subject.start();
    auto first = connect(endpoint);
    auto second = connect(endpoint);
    {
        exhausted_descriptors none;
        auto end = std::chrono::steady_clock::now() + 300ms;
        while (std::chrono::steady_clock::now() < end) {
            run();
            std::this_thread::sleep_for(1ms);
        }
        BOOST_TEST(subject.counters().accepted.load() == 0U);
        BOOST_TEST(subject.counters().accept_failures.load() >= 1U);
        BOOST_TEST(subject.counters().accept_failures.load() <= 10U);
    }
    BOOST_TEST(test::eventually([&] {
        run();
        return subject.counters().accepted.load() == 2;
    }));
}

// Every rest begins all waits anew: those that are still under way must not pile up.
BOOST_FIXTURE_TEST_CASE(a_listener_beside_an_exhausted_one_is_waited_for_once, fixture) {
    auto busy = listen();
    auto quiet = listen();
    subject.start();
    auto first = connect(busy);
    auto second = connect(busy);
    tcp::socket third{clients, tcp::v4()};
    {
        exhausted_descriptors none;
        BOOST_TEST(test::eventually([&] {
            run();
            return subject.counters().accept_failures.load() >= 5;
        }));
    }
    BOOST_TEST(test::eventually([&] {
        run();
        return subject.counters().accepted.load() == 2;
    }));
    run();
    third.connect(quiet);
    auto handlers = run();
    BOOST_TEST(subject.counters().accepted.load() == 3U);
    BOOST_TEST(handlers == 1U);
}

BOOST_FIXTURE_TEST_CASE(stopping_while_it_rests_is_the_end, fixture) {
    auto endpoint = listen();
    subject.start();
    auto client = connect(endpoint);
    {
        exhausted_descriptors none;
        run();
        subject.stop();
    }
    std::this_thread::sleep_for(80ms);
    run();
    BOOST_TEST(subject.counters().accepted.load() == 0U);
}

// Room is waited for at first; then who waits gets an end, on every listener.
BOOST_FIXTURE_TEST_CASE(who_waits_too_long_for_a_descriptor_is_sent_away, fixture) {
    auto busy = listen();
    auto other = listen();
    subject.start();
    std::vector<tcp::socket> sockets;
    for (int times = 0; times < 60; ++times)
        sockets.push_back(connect(times % 6 == 0 ? other : busy));
    {
        exhausted_descriptors none;
        auto shed = [&] { return subject.counters().newcomers_shed.load(); };
        auto begin = std::chrono::steady_clock::now();
        BOOST_TEST(test::eventually([&] {
            run();
            return shed() != 0;
        }));
        BOOST_TEST((std::chrono::steady_clock::now() - begin >= 1s));
        BOOST_TEST(shed() == 32U + 10); // so many of a crowd at a time, and no listener waits
        BOOST_TEST(test::eventually([&] {
            run();
            return shed() == 60;
        }));
    }
    BOOST_TEST(subject.counters().accepted.load() == 60U);
    for (auto& client : sockets)
        BOOST_TEST(reads_the_end(client));
    sockets.push_back(connect(busy)); // nobody was there to find out that there is room again
    BOOST_TEST(test::eventually([&] {
        run();
        return subject.counters().accepted.load() == 61;
    }));
    BOOST_TEST(subject.counters().newcomers_shed.load() == 60U);
    BOOST_TEST(waiting_for(*workers.find(0)) + waiting_for(*workers.find(1)) == 1U);
}

// accept() says that there is no descriptor also when there is nobody to give it to.
BOOST_FIXTURE_TEST_CASE(without_newcomers_a_lack_of_descriptors_is_no_failure, fixture) {
    auto endpoint = listen();
    subject.start();
    std::vector<tcp::socket> sockets;
    sockets.push_back(connect(endpoint));
    {
        int last = ::dup(STDERR_FILENO);
        exhausted_descriptors none;
        ::close(last); // room for one
        BOOST_TEST(test::eventually([&] {
            run();
            return subject.counters().accepted.load() == 1;
        }));
        auto end = std::chrono::steady_clock::now() + 120ms;
        while (std::chrono::steady_clock::now() < end)
            run();
        BOOST_TEST(subject.counters().accept_failures.load() == 0U);
    }
    sockets.push_back(connect(endpoint));
    BOOST_TEST(run() > 0U); // it was not resting
    BOOST_TEST(subject.counters().accepted.load() == 2U);
    waiting_for(*workers.find(0));
    waiting_for(*workers.find(1));
}

BOOST_AUTO_TEST_CASE(who_is_not_admitted_reads_the_end_of_the_stream) {
    auto limits = small_options();
    limits.connections_per_source_max = 2;
    fixture host{limits};
    auto endpoint = host.listen();
    host.subject.start();
    std::vector<tcp::socket> sockets;
    for (int times = 0; times < 4; ++times)
        sockets.push_back(host.connect(endpoint));
    host.run();
    BOOST_TEST(host.subject.counters().accepted.load() == 4U);
    BOOST_TEST(host.subject.counters().newcomers_over_source_limit.load() == 2U);
    BOOST_TEST(reads_the_end(sockets[2]));
    BOOST_TEST(reads_the_end(sockets[3]));
    millipede::detail::accepted_socket placed;
    BOOST_TEST_REQUIRE(host.workers.find(0)->incoming().take(placed));
    BOOST_TEST((placed.source == millipede::detail::source_key{endpoint.address()}));
    ::close(placed.descriptor);
    waiting_for(*host.workers.find(1));
}

BOOST_AUTO_TEST_CASE(accepted_sockets_inherit_what_is_set_once) {
    auto limits = small_options();
    limits.tcp_user_timeout = 12'345ms;
    limits.keepalive_idle = 77s;
    limits.keepalive_interval = 7s;
    limits.keepalive_probes = 5;
    fixture host{limits};
    auto endpoint = host.listen();
    host.subject.start();
    auto client = host.connect(endpoint);
    host.run();
    millipede::detail::accepted_socket accepted;
    BOOST_TEST_REQUIRE(host.workers.find(0)->incoming().take(accepted));
    BOOST_TEST(option_of(accepted.descriptor, IPPROTO_TCP, TCP_USER_TIMEOUT) == 12'345);
    BOOST_TEST(option_of(accepted.descriptor, SOL_SOCKET, SO_KEEPALIVE) == 1);
    BOOST_TEST(option_of(accepted.descriptor, IPPROTO_TCP, TCP_KEEPIDLE) == 77);
    BOOST_TEST(option_of(accepted.descriptor, IPPROTO_TCP, TCP_KEEPINTVL) == 7);
    BOOST_TEST(option_of(accepted.descriptor, IPPROTO_TCP, TCP_KEEPCNT) == 5);
    BOOST_TEST(option_of(accepted.descriptor, IPPROTO_TCP, TCP_NODELAY) == 1);
    ::close(accepted.descriptor);
}

BOOST_AUTO_TEST_CASE(without_options_accepted_sockets_are_as_the_system_has_them) {
    auto limits = small_options();
    limits.tcp_no_delay = false;
    limits.keepalive_probes = 5; // of no keepalive
    fixture host{limits};
    auto endpoint = host.listen();
    host.subject.start();
    auto client = host.connect(endpoint);
    host.run();
    millipede::detail::accepted_socket accepted;
    BOOST_TEST_REQUIRE(host.workers.find(0)->incoming().take(accepted));
    auto fresh = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    for (int name : {TCP_USER_TIMEOUT, TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT, TCP_NODELAY})
        BOOST_TEST(option_of(accepted.descriptor, IPPROTO_TCP, name) ==
                   option_of(fresh, IPPROTO_TCP, name));
    BOOST_TEST(option_of(accepted.descriptor, SOL_SOCKET, SO_KEEPALIVE) == 0);
    ::close(fresh);
    ::close(accepted.descriptor);
}

BOOST_AUTO_TEST_SUITE_END()
