// SPDX-License-Identifier: BSL-1.0
// Threads that are not to be had, in the middle of a server's start. Replaces the program's
// pthread_create; sanitizers have one of their own, and go without this test.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

#include "support/captured_log.hpp"
#include "support/running_server.hpp"
#include "support/wire.hpp"

#include <boost/test/unit_test.hpp>

#include <dlfcn.h>
#include <pthread.h>

#include <atomic>
#include <cerrno>
#include <system_error>

namespace {

std::atomic<int> threads_until_failure{0};

} // namespace

extern "C" int pthread_create(pthread_t* thread, pthread_attr_t const* attributes,
                              void* (*start)(void*), void* argument) noexcept {
    using function = int (*)(pthread_t*, pthread_attr_t const*, void* (*)(void*), void*);
    static auto const real = reinterpret_cast<function>(::dlsym(RTLD_NEXT, "pthread_create"));
    if (threads_until_failure > 0 && --threads_until_failure == 0) return EAGAIN;
    return real(thread, attributes, start, argument);
}

BOOST_AUTO_TEST_SUITE(failing_threads)

namespace {

using namespace std::chrono_literals;
using test::frame;
constexpr std::uint16_t echo = 1;

} // namespace

BOOST_AUTO_TEST_CASE(whichever_thread_cannot_start_the_server_is_as_it_was_before) {
    test::captured_log logs{millipede::fatal}; // which has a thread
    auto wanted = test::quiet_options();
    wanted.workers = 3;
    test::running_server<> host{wanted};
    host.server.on(echo, [](auto& connection, auto const& message) { connection.send(message); });
    for (int failing : {4, 3, 2, 1}) { // the supervisor, the workers
        threads_until_failure = failing;
        BOOST_CHECK_THROW(host.server.start(), std::system_error);
        BOOST_TEST(host.server.endpoints().empty());
        BOOST_TEST(threads_until_failure == 0);
    }
    host.start();
    auto client = host.connect();
    client.send(frame(echo));
    BOOST_TEST((client.read_frame() == frame(echo)));
}

// A worker that lost its thread gets another as soon as there is one.
BOOST_AUTO_TEST_CASE(a_worker_without_a_thread_waits_for_one) {
    test::captured_log logs;
    auto wanted = test::quiet_options();
    wanted.stall_after = 100ms;
    test::running_server<> host{wanted};
    host.server.on(echo, [](auto& connection, auto const& message) { connection.send(message); });
    host.server.on(2, [](auto&, auto const&) {
        threads_until_failure = 1;
        ::pthread_exit(nullptr);
    });
    host.start();
    auto witness = host.connect();
    auto client = host.connect();
    client.send(frame(2));
    client.read_to_end();
    witness.send(frame(echo));
    BOOST_TEST((witness.read_frame() == frame(echo)));
    BOOST_TEST(logs.count("worker 0 has lost its thread and gets no other: ") == 1U);
    BOOST_TEST(host.server.metrics().worker_restarts == 1U);
}

BOOST_AUTO_TEST_SUITE_END()

#endif
