// SPDX-License-Identifier: BSL-1.0
#include <millipede/worker/handoff.hpp>

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <semaphore>
#include <thread>

BOOST_AUTO_TEST_SUITE(handoff)

using millipede::detail::accepted_socket;
using millipede::detail::handoff;

namespace {

int taken_from(handoff& queue) {
    accepted_socket socket;
    return queue.take(socket) ? socket.descriptor : -1;
}

} // namespace

BOOST_AUTO_TEST_CASE(sockets_come_out_in_order_with_their_protocol) {
    handoff queue{10};
    for (int number = 0; number < 5; ++number)
        BOOST_TEST(queue.push({number, static_cast<std::uint32_t>(number) + 100}));
    for (int number = 0; number < 5; ++number) {
        accepted_socket socket;
        BOOST_TEST_REQUIRE(queue.take(socket));
        BOOST_TEST(socket.descriptor == number);
        BOOST_TEST(socket.protocol == static_cast<std::uint32_t>(number) + 100);
    }
    BOOST_TEST(taken_from(queue) == -1);
}

BOOST_AUTO_TEST_CASE(it_holds_its_capacity_and_no_more) {
    for (std::uint32_t capacity : {1U, 2U, 7U, 100U}) {
        handoff queue{capacity};
        for (int turn = 0; turn < 3; ++turn) { // also when it has wrapped around
            for (std::uint32_t count = 0; count < capacity; ++count)
                BOOST_TEST(queue.push({static_cast<int>(count), 0}));
            BOOST_TEST(!queue.push({-2, 0}));
            BOOST_TEST(taken_from(queue) == 0);
            BOOST_TEST(queue.push({static_cast<int>(capacity), 0}));
            BOOST_TEST(!queue.push({-2, 0}));
            for (std::uint32_t count = 1; count <= capacity; ++count)
                BOOST_TEST(taken_from(queue) == static_cast<int>(count));
            BOOST_TEST(taken_from(queue) == -1);
        }
    }
}

BOOST_AUTO_TEST_CASE(the_worker_is_woken_once_until_it_begins_to_take) {
    handoff queue{10};
    queue.push({1, 0});
    BOOST_TEST(queue.must_wake());
    queue.push({2, 0});
    BOOST_TEST(!queue.must_wake());
    BOOST_TEST(!queue.must_wake());
    queue.begin_taking();
    BOOST_TEST(taken_from(queue) == 1);
    queue.push({3, 0}); // while it takes: taken, and yet a wake that finds nothing
    BOOST_TEST(queue.must_wake());
    BOOST_TEST(taken_from(queue) == 2);
    BOOST_TEST(taken_from(queue) == 3);
    queue.begin_taking();
    BOOST_TEST(taken_from(queue) == -1);
    queue.push({4, 0});
    BOOST_TEST(queue.must_wake());
}

BOOST_AUTO_TEST_CASE(between_two_threads_nothing_is_lost_and_no_wake_is_missed) {
    constexpr int most = 100'000;
    handoff queue{64};
    std::counting_semaphore<> wakes{0};
    int wakes_count = 0;

    std::thread acceptor{[&] {
        for (int number = 0; number < most;) {
            // A batch of some, as one round of accept() brings them; a full queue tries again.
            for (int batch = 0; batch < 1 + number % 5 && number < most; ++batch) {
                if (!queue.push({number, static_cast<std::uint32_t>(number) * 3})) break;
                ++number;
            }
            if (queue.must_wake()) {
                ++wakes_count;
                wakes.release();
            }
            if (number % 64 == 0) std::this_thread::yield();
        }
    }};

    int expected = 0;
    bool right = true;
    bool woken = true;
    while (expected < most && woken) {
        woken = wakes.try_acquire_for(std::chrono::seconds{20});
        queue.begin_taking();
        accepted_socket socket;
        while (queue.take(socket)) {
            right = right && socket.descriptor == expected &&
                    socket.protocol == static_cast<std::uint32_t>(expected) * 3;
            ++expected;
        }
    }
    BOOST_TEST(woken);
    if (!woken) { // let the other thread end
        accepted_socket socket;
        while (expected < most)
            if (queue.take(socket)) ++expected;
    }
    acceptor.join();
    BOOST_TEST(expected == most);
    BOOST_TEST(right);
    BOOST_TEST(wakes_count > 0);
    BOOST_TEST(taken_from(queue) == -1);
}

BOOST_AUTO_TEST_SUITE_END()
