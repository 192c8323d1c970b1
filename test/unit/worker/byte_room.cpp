// SPDX-License-Identifier: BSL-1.0
#include <millipede/worker/byte_room.hpp>

#include <boost/test/unit_test.hpp>

#include <atomic>
#include <thread>
#include <vector>

BOOST_AUTO_TEST_SUITE(byte_room)

BOOST_AUTO_TEST_CASE(it_has_so_many_bytes) {
    millipede::detail::byte_room room{100};
    BOOST_TEST(room.enter(70));
    BOOST_TEST(!room.enter(31));
    BOOST_TEST(room.enter(30));
    BOOST_TEST(!room.enter(1));
    BOOST_TEST(room.enter(0)); // nothing finds room always
    room.leave(70);
    BOOST_TEST(room.enter(70));
}

BOOST_AUTO_TEST_CASE(an_empty_one_takes_one_of_any_size) {
    millipede::detail::byte_room room{100};
    BOOST_TEST(room.enter(SIZE_MAX / 2));
    BOOST_TEST(!room.enter(1));
    room.leave(SIZE_MAX / 2);
    BOOST_TEST(room.enter(1));
    BOOST_TEST(!room.enter(100));
}

BOOST_AUTO_TEST_CASE(several_threads_find_no_more_than_there_are) {
    millipede::detail::byte_room room{1'000};
    std::atomic<int> inside{0};
    std::atomic<bool> too_many{false};
    std::vector<std::thread> threads;
    for (int thread = 0; thread < 4; ++thread)
        threads.emplace_back([&] {
            for (int times = 0; times < 20'000; ++times) {
                if (!room.enter(300)) continue;
                if (++inside > 3) too_many = true;
                --inside;
                room.leave(300);
            }
        });
    for (auto& thread : threads)
        thread.join();
    BOOST_TEST(!too_many);
    BOOST_TEST(room.enter(1'000)); // all have left
}

BOOST_AUTO_TEST_SUITE_END()
