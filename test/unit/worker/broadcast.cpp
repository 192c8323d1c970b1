// SPDX-License-Identifier: BSL-1.0
// Broadcasts on a worker without a thread.
#include <millipede/worker/broadcast.hpp>
#include <millipede/worker/dispatcher.hpp>
#include <millipede/worker/stream_transport.hpp>
#include <millipede/worker/worker.hpp>

#include "support/memory_stream.hpp"
#include "support/printing.hpp"
#include "support/wait.hpp"
#include "support/wire.hpp"

#include <boost/test/unit_test.hpp>

#include <array>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

BOOST_AUTO_TEST_SUITE(broadcast)

namespace {

using millipede::errc;
using millipede::error_code;
using millipede::frame;
using millipede::overflow_policy;
using millipede::payload;
using millipede::detail::broadcast_mail;
using millipede::detail::broadcast_room;
using carrier = millipede::detail::stream_transport<test::memory_stream, test::memory_ends>;

struct session {
    int number = 0;
};
using dispatcher_type = millipede::detail::dispatcher<session, millipede::frame_codec>;
using connection_type = dispatcher_type::connection_type;

millipede::options small_options() {
    millipede::options limits;
    limits.workers = 1;
    limits.connections_per_worker = 4'096;
    return limits;
}

struct bench {
    bench() {
        millipede::set_log_level(millipede::fatal);
        speaker.open_handler = [this](connection_type& connection) {
            connection->number = opened++;
        };
        speaker.close_handler = [this](connection_type&, error_code const& reason) {
            endings.push_back(reason);
        };
        subject.begin();
    }
    ~bench() { millipede::set_log_level(millipede::info); }

    void adopt(int count) {
        for (int times = 0; times < count; ++times) {
            pipes.push_back(std::make_shared<test::memory_pipe>(subject.context()));
            subject.adopt(
                std::make_unique<carrier>(test::memory_stream{subject.context(), pipes.back()}), 0);
        }
        run();
    }
    template <class Filter>
    error_code send(std::string const& text, Filter filter) {
        using filtered = millipede::detail::filtered_broadcast<dispatcher_type, Filter>;
        payload message{test::bytes_of(text)};
        return subject.post_admitted(std::make_unique<broadcast_mail>(std::make_unique<filtered>(
            message, overflow_policy::close, speaker, std::move(filter))));
    }
    error_code send(std::string const& text) {
        payload message{test::bytes_of(text)};
        return subject.post_admitted(std::make_unique<broadcast_mail>(
            std::make_unique<millipede::detail::broadcast>(message, overflow_policy::close)));
    }
    void run() {
        while (subject.context().poll() != 0) {
        }
    }

    int opened = 0;
    millipede::options limits = small_options();
    dispatcher_type speaker{millipede::frame_codec{}};
    std::array<millipede::detail::protocol*, 1> protocols{&speaker};
    std::vector<std::shared_ptr<test::memory_pipe>> pipes;
    std::vector<error_code> endings;
    millipede::detail::worker subject{0, limits, protocols};
};

} // namespace

BOOST_AUTO_TEST_CASE(a_room_has_so_many_places) {
    broadcast_room room{2};
    BOOST_TEST(room.enter(1));
    BOOST_TEST(room.enter(1));
    BOOST_TEST(!room.enter(1));
    room.leave(1);
    BOOST_TEST(room.enter(1));
}

BOOST_AUTO_TEST_CASE(a_room_has_so_many_bytes) {
    broadcast_room room{5, 100};
    BOOST_TEST(room.enter(60));
    for (int times = 0; times < 10; ++times)
        BOOST_TEST(!room.enter(41)); // who is refused takes no place
    BOOST_TEST(room.enter(40));
    room.leave(60);
    BOOST_TEST(room.enter(60));
}

BOOST_AUTO_TEST_CASE(a_broadcast_has_its_place_until_its_end) {
    broadcast_room room{1};
    {
        millipede::detail::broadcast first{payload{}, overflow_policy::close};
        millipede::detail::broadcast second{payload{}, overflow_policy::close};
        BOOST_TEST(first.enter(room));
        BOOST_TEST(!second.enter(room));
    } // the one that was not let in does not leave
    BOOST_TEST(room.enter(0));
    BOOST_TEST(!room.enter(0));
}

BOOST_AUTO_TEST_CASE(a_broadcast_has_room_for_its_message_until_its_end) {
    broadcast_room room{10, 100};
    {
        auto message = payload{test::bytes_of(std::string(80, 'x'))};
        millipede::detail::broadcast first{message, overflow_policy::close};
        BOOST_TEST(first.enter(room));
        BOOST_TEST(!room.enter(21));
    }
    BOOST_TEST(room.enter(20));
    BOOST_TEST(room.enter(80));
}

BOOST_AUTO_TEST_CASE(every_connection_gets_all_in_their_order) {
    bench the;
    the.adopt(2'500);
    std::string wanted;
    for (int index = 0; index < 20; ++index) {
        auto text = "message " + std::to_string(index) + ";";
        BOOST_TEST(!the.send(text));
        wanted += text;
    }
    the.run();
    for (auto const& pipe : the.pipes)
        BOOST_REQUIRE((pipe->written == wanted));
}

BOOST_AUTO_TEST_CASE(a_walk_leaves_others_their_turn) {
    bench the;
    the.adopt(2'500);
    int asked = 0;
    BOOST_TEST(!the.send("x", [&](connection_type const&) {
        ++asked;
        return true;
    }));
    int slices = 0;
    for (int before = asked; the.subject.context().poll_one() != 0; before = asked) {
        BOOST_TEST(asked - before <= 128);
        if (asked != before) ++slices;
    }
    BOOST_TEST(asked == 2'500);
    BOOST_TEST(slices == 20);
}

BOOST_AUTO_TEST_CASE(a_walk_that_passes_over_most_goes_further_at_a_time) {
    bench the;
    the.adopt(2'500);
    int asked = 0;
    BOOST_TEST(!the.send("x", [&](connection_type const&) {
        ++asked;
        return false;
    }));
    int slices = 0;
    for (int before = asked; the.subject.context().poll_one() != 0; before = asked) {
        BOOST_TEST(asked - before <= 1'024);
        if (asked != before) ++slices;
    }
    BOOST_TEST(asked == 2'500);
    BOOST_TEST(slices == 3);
}

BOOST_AUTO_TEST_CASE(a_walk_with_large_messages_leaves_others_their_turn_sooner) {
    bench the;
    the.adopt(10);
    std::string const large(3 * 1024 * 1024, 'x');
    int asked = 0;
    BOOST_TEST(!the.send(large, [&](connection_type const&) {
        ++asked;
        return true;
    }));
    for (int before = asked; the.subject.context().poll_one() != 0; before = asked)
        BOOST_TEST(asked - before <= 3);
    BOOST_TEST(asked == 10);
    the.run();
    for (auto const& pipe : the.pipes)
        BOOST_TEST((pipe->written == large));
}

BOOST_AUTO_TEST_CASE(a_filter_chooses_by_the_session) {
    bench the;
    the.adopt(10);
    BOOST_TEST(!the.send(
        "odd", [](connection_type const& connection) { return connection->number % 2 == 1; }));
    the.run();
    for (std::size_t index = 0; index < the.pipes.size(); ++index)
        BOOST_TEST(the.pipes[index]->written == (index % 2 == 1 ? "odd" : ""));
}

BOOST_AUTO_TEST_CASE(a_filter_that_fails_keeps_the_message_from_that_connection_only) {
    bench the;
    the.adopt(4);
    BOOST_TEST(!the.send("x", [](connection_type const& connection) {
        if (connection->number == 1) throw std::runtime_error{"as asked"};
        if (connection->number == 2) throw 7;
        return true;
    }));
    the.run();
    BOOST_TEST(the.pipes[0]->written == "x");
    BOOST_TEST(the.pipes[1]->written == "");
    BOOST_TEST(the.pipes[2]->written == "");
    BOOST_TEST(the.pipes[3]->written == "x");
    BOOST_TEST(the.endings.empty());
    BOOST_TEST(the.subject.counters().callback_failures.load() == 2U);
}

BOOST_AUTO_TEST_CASE(those_of_another_protocol_are_not_asked) {
    bench the;
    the.adopt(2);
    dispatcher_type stranger{millipede::frame_codec{}};
    auto everybody = [](connection_type const&) { return true; };
    using filtered = millipede::detail::filtered_broadcast<dispatcher_type, decltype(everybody)>;
    payload message{test::bytes_of("x")};
    the.subject.post_admitted(std::make_unique<broadcast_mail>(
        std::make_unique<filtered>(message, overflow_policy::close, stranger, everybody)));
    the.run();
    for (auto const& pipe : the.pipes)
        BOOST_TEST(pipe->written == "");
}

BOOST_AUTO_TEST_CASE(free_slots_and_connections_that_end_are_passed_over) {
    bench the;
    the.adopt(5);
    the.pipes[1]->end_input();
    the.pipes[3]->hold_writes();
    the.run();
    auto held = the.subject.pool().id_of(the.subject.pool().all()[3]);
    the.subject.with(held, [](auto& connection) {
        connection.send_bytes(test::bytes_of(std::string(100'000, 'x')));
        connection.close(); // and waits for its output to leave
    });
    BOOST_TEST(!the.send("news"));
    the.run();
    the.pipes[3]->take_writes();
    the.run();
    BOOST_TEST(the.pipes[0]->written == "news");
    BOOST_TEST(the.pipes[1]->written == "");
    BOOST_TEST(the.pipes[2]->written == "news");
    BOOST_TEST(the.pipes[3]->written.size() == 100'000U);
    BOOST_TEST(the.pipes[4]->written == "news");
}

BOOST_AUTO_TEST_CASE(a_worker_that_ends_with_broadcasts_under_way_lets_go_of_them) {
    broadcast_room room{2};
    {
        bench the;
        the.adopt(1'500);
        for (int times = 0; times < 2; ++times) {
            auto letter =
                std::make_unique<broadcast_mail>(std::make_unique<millipede::detail::broadcast>(
                    payload{test::bytes_of("x")}, overflow_policy::close));
            BOOST_TEST(letter->enter(room));
            BOOST_TEST(!the.subject.post_admitted(std::move(letter)));
        }
        the.subject.context().poll_one(); // takes the mail
        the.subject.context().poll_one(); // walks a slice
        BOOST_TEST(!room.enter(1));
    }
    BOOST_TEST(room.enter(1));
    BOOST_TEST(room.enter(1));
}

BOOST_AUTO_TEST_CASE(a_worker_that_does_not_run_takes_none) {
    millipede::options limits = small_options();
    millipede::detail::worker idle{0, limits, {}};
    BOOST_TEST(idle.post_admitted(
                   std::make_unique<broadcast_mail>(std::make_unique<millipede::detail::broadcast>(
                       payload{}, overflow_policy::close))) == errc::not_running);
}

BOOST_AUTO_TEST_SUITE_END()
