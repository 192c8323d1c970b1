// SPDX-License-Identifier: BSL-1.0
// Groups on a worker without a thread.
#include <millipede/worker/dispatcher.hpp>
#include <millipede/worker/group_errands.hpp>
#include <millipede/worker/stream_transport.hpp>
#include <millipede/worker/worker.hpp>

#include "support/memory_stream.hpp"
#include "support/wire.hpp"

#include <boost/test/unit_test.hpp>

#include <array>
#include <memory>
#include <string>
#include <vector>

BOOST_AUTO_TEST_SUITE(group_errands)

namespace {

using millipede::connection_id;
using millipede::overflow_policy;
using millipede::payload;
using millipede::detail::broadcast_mail;
using millipede::detail::broadcast_room;
using millipede::detail::errand;
using millipede::detail::group_send;
using millipede::detail::group_state;
using millipede::detail::membership_change;
using carrier = millipede::detail::stream_transport<test::memory_stream, test::memory_ends>;
using dispatcher_type =
    millipede::detail::dispatcher<millipede::no_session, millipede::frame_codec>;
using state_ptr = boost::intrusive_ptr<group_state>;
using kind = membership_change::kind;

millipede::options small_options() {
    millipede::options limits;
    limits.workers = 1;
    limits.connections_per_worker = 4'096;
    return limits;
}

struct bench {
    bench() {
        millipede::set_log_level(millipede::fatal);
        speaker.open_handler = [this](auto& connection) { ids.push_back(connection.id()); };
        speaker.close_handler = [this](auto&, auto&) { sizes_at_close.push_back(room->size()); };
        subject.begin();
    }
    ~bench() { millipede::set_log_level(millipede::info); }

    static state_ptr make_group() { return state_ptr{new group_state{1, nullptr}}; }

    void adopt(int count) {
        for (int times = 0; times < count; ++times) {
            pipes.push_back(std::make_shared<test::memory_pipe>(subject.context()));
            subject.adopt(
                std::make_unique<carrier>(test::memory_stream{subject.context(), pipes.back()}), 0);
        }
        run();
    }
    void post(std::unique_ptr<errand> what) {
        BOOST_TEST(!subject.post_admitted(std::make_unique<broadcast_mail>(std::move(what))));
    }
    void join(connection_id who, state_ptr const& to) {
        post(std::make_unique<membership_change>(to, who, kind::joins));
    }
    void join(connection_id who) { join(who, room); }
    void leave(connection_id who) {
        post(std::make_unique<membership_change>(room, who, kind::leaves));
    }
    void send(std::string const& text, state_ptr const& to) {
        payload message{test::bytes_of(text)};
        post(std::make_unique<group_send>(to, message, overflow_policy::close));
    }
    void send(std::string const& text) { send(text, room); }
    void run() {
        while (subject.context().poll() != 0) {
        }
    }
    // Writes, and reads, of all connections so far.
    std::size_t begun() const {
        std::size_t sum = 0;
        for (auto const& pipe : pipes)
            sum += pipe->operations;
        return sum;
    }
    std::string const& got(std::size_t index) const { return pipes[index]->written; }

    millipede::options limits = small_options();
    state_ptr room = make_group();
    dispatcher_type speaker{millipede::frame_codec{}};
    std::array<millipede::detail::protocol*, 1> protocols{&speaker};
    std::vector<std::shared_ptr<test::memory_pipe>> pipes;
    std::vector<connection_id> ids;
    std::vector<std::size_t> sizes_at_close;
    millipede::detail::worker subject{0, limits, protocols};
};

} // namespace

BOOST_AUTO_TEST_CASE(what_is_asked_for_happens_in_its_order) {
    bench the;
    the.adopt(3);
    the.join(the.ids[0]);
    the.send("one;");
    the.join(the.ids[1]);
    the.send("two;");
    the.leave(the.ids[0]); // not before it has what was sent before
    the.send("three;");
    the.join(the.ids[0]);
    the.leave(the.ids[1]);
    the.send("four;");
    the.run();
    BOOST_TEST(the.got(0) == "one;two;four;");
    BOOST_TEST(the.got(1) == "two;three;");
    BOOST_TEST(the.got(2) == "");
    BOOST_TEST(the.room->size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_send_to_many_leaves_others_their_turn) {
    bench the;
    the.adopt(2'500);
    for (auto id : the.ids)
        the.join(id);
    the.run();
    the.send("x");
    int slices = 0;
    for (auto before = the.begun(); the.subject.context().poll_one() != 0; before = the.begun()) {
        BOOST_TEST(the.begun() - before <= 128);
        if (the.begun() != before) ++slices;
    }
    BOOST_TEST(slices == 20);
    for (std::size_t index = 0; index < the.pipes.size(); ++index)
        BOOST_REQUIRE(the.got(index) == "x");
}

BOOST_AUTO_TEST_CASE(sends_to_many_small_groups_share_a_turn) {
    bench the;
    the.adopt(100);
    std::vector<state_ptr> rooms;
    for (auto id : the.ids) {
        rooms.push_back(bench::make_group());
        the.join(id, rooms.back());
    }
    the.run();
    for (auto const& each : rooms)
        the.send("x", each);
    int slices = 0;
    for (auto before = the.begun(); the.subject.context().poll_one() != 0; before = the.begun())
        if (the.begun() != before) ++slices;
    for (std::size_t index = 0; index < the.pipes.size(); ++index)
        BOOST_TEST(the.got(index) == "x");
    BOOST_TEST(slices == 1);
}

BOOST_AUTO_TEST_CASE(who_leaves_while_a_message_is_walked_was_still_in_when_it_was_sent) {
    bench the;
    the.adopt(2'500);
    for (auto id : the.ids)
        the.join(id);
    the.run();
    the.send("one;");
    for (auto id : the.ids)
        the.leave(id);
    the.send("two;");
    the.run();
    for (std::size_t index = 0; index < the.pipes.size(); ++index)
        BOOST_REQUIRE(the.got(index) == "one;");
    BOOST_TEST(the.room->size() == 0U);
}

BOOST_AUTO_TEST_CASE(who_ends_while_a_message_is_walked_keeps_it_from_nobody_else) {
    bench the;
    the.adopt(2'500);
    for (auto id : the.ids)
        the.join(id);
    the.run();
    the.send("x");
    the.subject.context().poll_one(); // takes the mail
    the.subject.context().poll_one(); // walks a slice
    for (std::size_t index = 0; index < the.ids.size(); index += 3)
        the.subject.with(the.ids[index], [](auto& connection) { connection.close(); });
    the.run();
    for (std::size_t index = 0; index < the.ids.size(); ++index)
        if (index % 3 != 0) BOOST_REQUIRE(the.got(index) == "x");
    BOOST_TEST(the.room->size() == 2'500U - 834U);
}

BOOST_AUTO_TEST_CASE(who_ends_leaves_before_its_handler_is_called) {
    bench the;
    the.adopt(2);
    the.join(the.ids[0]);
    the.join(the.ids[1]);
    the.run();
    the.subject.with(the.ids[1], [](auto& connection) { connection.close(); });
    BOOST_TEST((the.sizes_at_close == std::vector<std::size_t>{1}));
    the.join(the.ids[1]);
    the.leave(the.ids[1]);
    the.send("x");
    the.run();
    BOOST_TEST(the.got(0) == "x");
    BOOST_TEST(the.room->size() == 1U);
    BOOST_TEST(the.subject.counters().stale_requests.load() == 2U);
}

// It asks while it is there, and has ended when its turn comes.
BOOST_AUTO_TEST_CASE(a_change_that_waits_for_a_connection_that_ends_comes_to_nothing) {
    bench the;
    the.adopt(2'000);
    for (std::size_t index = 0; index < 1'900; ++index)
        the.join(the.ids[index]);
    the.run();
    the.send("x");
    the.join(the.ids[1'950]);
    the.subject.context().poll_one(); // takes the mail
    BOOST_TEST(the.room->size() == 1'901U);
    the.subject.with(the.ids[1'950], [](auto& connection) { connection.close(); });
    the.run();
    BOOST_TEST(the.room->size() == 1'900U);
    BOOST_TEST(the.got(1'950) == "");
    BOOST_TEST(the.subject.counters().stale_requests.load() == 1U);
}

BOOST_AUTO_TEST_CASE(a_worker_that_ends_lets_go_of_all) {
    broadcast_room places{1};
    auto room = bench::make_group();
    {
        bench the;
        the.room = room;
        the.adopt(1'500);
        for (auto id : the.ids)
            the.join(id);
        the.run();
        auto letter = std::make_unique<broadcast_mail>(std::make_unique<group_send>(
            room, payload{test::bytes_of("x")}, overflow_policy::close));
        BOOST_TEST(letter->enter(places));
        BOOST_TEST(!the.subject.post_admitted(std::move(letter)));
        the.leave(the.ids[0]);
        the.subject.context().poll_one(); // takes the mail
        the.subject.context().poll_one(); // walks a slice
        the.join(the.ids[0]);             // is not even taken
        BOOST_TEST(room->size() == 1'501U);
        BOOST_TEST(!places.enter(0));
    }
    BOOST_TEST(places.enter(0));
    BOOST_TEST(room->size() == 0U);
    BOOST_TEST(room->use_count() == 1U);
}

BOOST_AUTO_TEST_SUITE_END()
