// SPDX-License-Identifier: BSL-1.0
// Who gets the next socket, among workers that never run.
#include <millipede/process/worker_pool.hpp>
#include <millipede/worker/dispatcher.hpp>
#include <millipede/worker/stream_transport.hpp>

#include "support/memory_stream.hpp"
#include "support/wire.hpp"

#include <boost/test/unit_test.hpp>

#include <array>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

BOOST_AUTO_TEST_SUITE(worker_pool)

namespace {

millipede::options small_options() {
    millipede::options limits;
    limits.workers = 3;
    limits.connections_per_worker = 4;
    return limits;
}

struct fixture {
    // Places so many sockets that are none; how many each worker got.
    std::vector<int> place(int count) {
        for (int times = 0; times < count; ++times)
            placed += subject.place({-1, 0});
        std::vector<int> shares;
        for (std::uint32_t index = 0; index < subject.size(); ++index) {
            millipede::detail::accepted_socket socket;
            int share = 0;
            while (subject.find(index)->incoming().take(socket))
                ++share;
            shares.push_back(share);
        }
        return shares;
    }
    void stall(std::uint32_t index, bool is = true) { subject.find(index)->set_stalled(is); }

    millipede::options limits = small_options();
    millipede::detail::worker_pool subject{limits, {}};
    int placed = 0;
};

using shares = std::vector<int>;

} // namespace

BOOST_FIXTURE_TEST_CASE(newcomers_go_to_the_least_loaded, fixture) {
    BOOST_TEST((place(4) == shares{2, 1, 1}));
    BOOST_TEST((place(4) == shares{1, 2, 1})); // 3, 3, 2 by now
    BOOST_TEST((place(1) == shares{0, 0, 1}));
}

BOOST_FIXTURE_TEST_CASE(a_stalled_worker_gets_none_however_little_it_has, fixture) {
    stall(1);
    BOOST_TEST((place(6) == shares{3, 0, 3}));
    stall(1, false);
    BOOST_TEST((place(3) == shares{0, 3, 0}));
    BOOST_TEST(placed == 9);
}

BOOST_FIXTURE_TEST_CASE(whoever_finds_the_healthy_ones_full_is_refused, fixture) {
    stall(0);
    stall(2);
    BOOST_TEST((place(6) == shares{0, 4, 0}));
    BOOST_TEST(placed == 4);
}

BOOST_FIXTURE_TEST_CASE(when_all_are_stalled_the_least_loaded_gets_them, fixture) {
    place(1); // to the first
    for (std::uint32_t index = 0; index < 3; ++index)
        stall(index);
    BOOST_TEST((place(2) == shares{0, 1, 1}));
    BOOST_TEST(placed == 3);
}

// Each worker has one connection whose peer takes nothing. One that has little finds that all have
// too much: whoever has the most is asked, and nobody else sheds.
BOOST_AUTO_TEST_CASE(the_worker_with_the_largest_output_is_the_one_that_is_asked_to_shed) {
    using carrier = millipede::detail::stream_transport<test::memory_stream, test::memory_ends>;
    millipede::set_log_level(millipede::fatal);
    for (std::uint32_t largest = 0; largest < 3; ++largest) {
        auto limits = small_options();
        limits.output_budget_bytes = 1024 * 1024;
        limits.output_max_bytes = 2 * 1024 * 1024;
        millipede::detail::dispatcher<millipede::no_session, millipede::frame_codec> speaker{
            millipede::frame_codec{}};
        std::array<millipede::connection_id, 3> ids;
        std::array<int, 3> ended{};
        speaker.open_handler = [&](auto& connection) {
            ids.at(connection.worker_index()) = connection.id();
        };
        speaker.close_handler = [&](auto& connection, auto const&) {
            ++ended.at(connection.worker_index());
        };
        std::array<millipede::detail::protocol*, 1> protocols{&speaker};
        millipede::detail::worker_pool subject{limits, protocols};
        std::array<std::shared_ptr<test::memory_pipe>, 3> pipes;
        auto run = [&] {
            for (int round = 0; round < 3; ++round) // who was asked comes to it in the next
                for (std::uint32_t index = 0; index < 3; ++index)
                    while (subject[index].context().poll() != 0) {
                    }
        };
        auto send = [&](std::uint32_t index, std::size_t size) {
            millipede::payload message{test::bytes_of(std::string(size, 'x'))};
            BOOST_TEST(!subject[index].send(ids.at(index), message));
            run();
        };
        for (std::uint32_t index = 0; index < 3; ++index)
            subject[index].begin();
        for (std::uint32_t index = 0; index < 3; ++index) {
            auto& context = subject[index].context();
            pipes[index] = std::make_shared<test::memory_pipe>(context);
            pipes[index]->hold_writes();
            subject[index].adopt(
                std::make_unique<carrier>(test::memory_stream{context, pipes[index]}), 0);
            send(index, 64 * 1024); // which the stream takes by itself
        }
        send(largest, 700 * 1024);
        BOOST_TEST((ended == std::array{0, 0, 0}));
        auto other = (largest + 1) % 3;
        send(other, 300 * 1024);
        std::array<int, 3> only_the_largest{};
        only_the_largest.at(largest) = 1;
        BOOST_TEST((ended == only_the_largest));
        BOOST_TEST(subject[largest].counters().shed_for_budget.load() == 1U);
    }
    millipede::set_log_level(millipede::info);
}

BOOST_FIXTURE_TEST_CASE(who_waits_for_their_end_gets_it_or_the_deadline, fixture) {
    auto in = [](int milliseconds) {
        return std::chrono::steady_clock::now() + std::chrono::milliseconds{milliseconds};
    };
    BOOST_TEST(subject.wait_until(in(0))); // none lives
    bool all_ended = false;
    subject.start([&] { all_ended = true; });
    BOOST_TEST(!subject.wait_until(in(5)));
    BOOST_TEST(!all_ended);
    subject.stop();
    BOOST_TEST(subject.wait_until(in(20'000)));
    BOOST_TEST(all_ended);
    subject.join();
}

BOOST_FIXTURE_TEST_CASE(an_end_that_is_disregarded_is_not_told, fixture) {
    bool told = false;
    subject.start([&] { told = true; });
    subject.disregard_end();
    subject.stop();
    subject.join();
    BOOST_TEST(!told);
}

BOOST_AUTO_TEST_SUITE_END()
