// SPDX-License-Identifier: BSL-1.0
// The acceptor on an io_context of the test's own, and workers that never run.
#include <millipede/process/acceptor.hpp>

#include "support/wait.hpp"

#include <boost/test/unit_test.hpp>

#include <sys/resource.h>
#include <unistd.h>

#include <vector>

BOOST_AUTO_TEST_SUITE(acceptor)

namespace {

namespace asio = boost::asio;
using tcp = asio::ip::tcp;
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

    tcp::endpoint listen() { return subject.listen({asio::ip::address_v4::loopback(), 0}, 0); }
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

std::uint64_t waiting_for(millipede::detail::worker& worker) {
    std::uint64_t count = 0;
    millipede::detail::accepted_socket socket;
    for (; worker.incoming().take(socket); ++count)
        ::close(socket.descriptor);
    return count;
}

// Nothing is left in this process to open, until the end of its life.
class exhausted_descriptors {
  public:
    exhausted_descriptors() {
        ::getrlimit(RLIMIT_NOFILE, &before_);
        auto lowered = before_;
        int next = ::dup(STDERR_FILENO); // the lowest that is free: all below are in use
        ::close(next);
        lowered.rlim_cur = static_cast<rlim_t>(next);
        ::setrlimit(RLIMIT_NOFILE, &lowered);
    }
    ~exhausted_descriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

  private:
    rlimit before_{};
};

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
    for (std::size_t index = 6; index < 8; ++index) {
        char one;
        boost::system::error_code code;
        sockets[index].read_some(asio::buffer(&one, 1), code);
        BOOST_TEST(code == asio::error::eof);
    }
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
        subject.listen(endpoint, 0);
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

BOOST_AUTO_TEST_SUITE_END()
