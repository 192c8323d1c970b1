// SPDX-License-Identifier: BSL-1.0
// Rooms that connections join and leave, and what is sent to them, from any thread.
#include "support/printing.hpp"
#include "support/running_server.hpp"

#include <boost/test/unit_test.hpp>

#include <atomic>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

BOOST_AUTO_TEST_SUITE(groups)

namespace {

using namespace std::chrono_literals;
using millipede::connection_id;
using millipede::errc;
using millipede::frame;
using millipede::group;
using millipede::overflow_policy;
using millipede::payload;
using test::bytes_of;
using test::eventually;
using test::number;
using test::quiet_options;
using test::recorded;
using test::running_server;
using test::with_both_transports;

constexpr std::uint16_t news = 7;
constexpr std::uint16_t hold = 1; // its handler holds the worker until `goes_on`
constexpr std::uint16_t echo = 2;

payload frame_payload(std::uint32_t mark, std::size_t more = 0) {
    return payload{bytes_of(test::frame(news, number(mark) + std::string(more, 'n')))};
}

std::uint32_t mark_of(std::string const& received) {
    return test::little(received.substr(8, 4));
}

struct headline { // a message with a wire struct
    static constexpr std::uint16_t command = news;
    boost::endian::little_uint32_t mark;
};

millipede::options workers(std::uint32_t count, millipede::options wanted = test::clients_stay()) {
    wanted.workers = count;
    return wanted;
}

// For what is refused while a worker has too much waiting. False when it stays so.
template <class Call>
bool insist(Call call) {
    return eventually([&] { return !call(); });
}

// A server on some workers, and clients whose ids it knows.
struct house {
    house(millipede::options wanted, std::size_t count) : host{std::move(wanted)} {
        host.server.on_open([this](auto& connection) { ids.add(connection.id()); });
        host.server.on(hold, [this](auto&, frame const&) {
            ++holding;
            eventually([this] { return goes_on.load(); });
        });
        host.server.on(echo,
                       [](auto& connection, frame const& message) { connection.send(message); });
        host.start();
        for (std::size_t index = 0; index < count; ++index) {
            clients.push_back(host.connect());
            BOOST_REQUIRE(ids.wait_for(index + 1));
        }
    }
    ~house() { goes_on = true; }

    auto& server() { return host.server; }

    recorded<connection_id> ids;
    std::atomic<int> holding{0};
    std::atomic<bool> goes_on{false};
    running_server<> host;
    std::vector<test::raw_client> clients;
};

} // namespace

BOOST_AUTO_TEST_CASE(members_get_what_is_sent_while_they_are_in) {
    with_both_transports([](auto kind) {
        house the{workers(2, quiet_options(kind)), 6};
        auto room = the.server().make_group();
        for (std::size_t index = 0; index < 4; ++index)
            BOOST_TEST(!the.server().join(room, the.ids.at(index)));
        BOOST_TEST(room.size() == 4U);
        BOOST_TEST(!the.server().send(room, frame_payload(1)));
        BOOST_TEST(!the.server().leave(room, the.ids.at(0)));
        BOOST_TEST(!the.server().join(room, the.ids.at(4)));
        BOOST_TEST(!the.server().send(room, headline{.mark = 2U}));
        BOOST_TEST(!the.server().send(room, headline{.mark = 3U}, overflow_policy::drop_oldest));
        BOOST_TEST(!the.server().broadcast(frame_payload(4)));
        std::vector<std::vector<std::uint32_t>> wanted{{1, 4},       {1, 2, 3, 4}, {1, 2, 3, 4},
                                                       {1, 2, 3, 4}, {2, 3, 4},    {4}};
        for (std::size_t index = 0; index < wanted.size(); ++index)
            for (auto mark : wanted[index])
                BOOST_TEST(mark_of(the.clients[index].read_frame()) == mark);
        BOOST_TEST(eventually([&] { return room.size() == 4; }));
    });
}

BOOST_AUTO_TEST_CASE(handlers_join_leave_and_send) {
    constexpr std::uint16_t enter = 10;
    constexpr std::uint16_t say = 11;
    constexpr std::uint16_t go = 12;
    running_server<group> host{workers(2)};
    auto& server = host.server;
    server.on(enter, [&](auto& connection, frame const&) {
        connection.session() = server.group_named("lobby");
        server.join(connection.session(), connection);
    });
    server.on(say, [&](auto& connection, frame const& said) {
        server.send(connection.session(), payload{said.whole});
    });
    server.on(go, [&](auto& connection, frame const& said) {
        server.leave(connection.session(), connection);
        server.send(connection.session(), payload{said.whole});
        connection.send(said);
    });
    host.start();
    auto one = host.connect();
    auto two = host.connect();
    one.send(test::frame(enter) + test::frame(say, "a"));
    BOOST_TEST((one.read_frame() == test::frame(say, "a")));
    two.send(test::frame(enter) + test::frame(say, "b"));
    for (auto* each : {&one, &two})
        BOOST_TEST((each->read_frame() == test::frame(say, "b")));
    two.send(test::frame(go, "c"));
    BOOST_TEST((one.read_frame() == test::frame(go, "c")));
    BOOST_TEST((two.read_frame() == test::frame(go, "c"))); // the reply
    one.send(test::frame(say, "d"));
    BOOST_TEST((one.read_frame() == test::frame(say, "d")));
    BOOST_TEST(eventually([&] { return server.group_named("lobby").size() == 1U; }));
    two.send(test::frame(go, "e"));
    BOOST_TEST((two.read_frame() == test::frame(go, "e"))); // and "d" has not come
}

BOOST_AUTO_TEST_CASE(who_ends_is_in_no_group) {
    house the{workers(2), 4};
    std::vector<group> rooms;
    for (int count = 0; count < 20; ++count) {
        rooms.push_back(the.server().make_group());
        for (auto id : the.ids.all())
            the.server().join(rooms.back(), id);
    }
    the.clients[1].reset();
    the.clients[2].close();
    BOOST_TEST(eventually([&] { return rooms.front().size() == 2 && rooms.back().size() == 2; }));
    the.server().send(rooms[7], frame_payload(1));
    for (std::size_t index : {0U, 3U})
        BOOST_TEST(mark_of(the.clients[index].read_frame()) == 1U);
    auto stale = the.server().metrics().stale_requests;
    BOOST_TEST(!the.server().join(rooms[0], the.ids.at(1))); // that is found out on its worker
    BOOST_TEST(eventually([&] { return the.server().metrics().stale_requests == stale + 1; }));
    BOOST_TEST(eventually([&] { return rooms[0].size() == 2; }));
}

BOOST_AUTO_TEST_CASE(what_cannot_be_asked_for_is_refused) {
    running_server<> host{workers(2)};
    auto& server = host.server;
    auto room = server.make_group();
    group none;
    BOOST_TEST(!none);
    BOOST_TEST(none.size() == 0U);
    BOOST_TEST(server.send(room, frame_payload(1)) == errc::not_running);
    BOOST_TEST(server.join(room, connection_id{0, 0, 1}) == errc::not_running);
    recorded<millipede::error_code> results;
    connection_id gone{0, 500, 1};
    server.on(1, [&](auto& connection, frame const& message) {
        connection_id not_there{connection.worker_index(), 500, 1};
        results.add(server.join(room, not_there));
        results.add(server.leave(room, not_there));
        connection.send(message);
    });
    host.start();
    auto client = host.connect();
    client.send(test::frame(1));
    client.read_frame();
    BOOST_TEST(results.at(0) == errc::stale_connection); // seen at once on its own thread
    BOOST_TEST(results.at(1) == errc::stale_connection);
    BOOST_TEST(server.join(room, connection_id{2, 0, 1}) == errc::stale_connection);
    running_server<> stranger;
    for (auto const& wrong : {none, stranger.server.make_group()}) {
        BOOST_CHECK_THROW(server.join(wrong, gone), std::invalid_argument);
        BOOST_CHECK_THROW(server.leave(wrong, gone), std::invalid_argument);
        BOOST_CHECK_THROW(server.send(wrong, frame_payload(1)), std::invalid_argument);
    }
    BOOST_TEST(!server.send(room, frame_payload(1))); // to nobody
    host.stop();
    BOOST_TEST(!server.send(room, frame_payload(1)));
    BOOST_TEST(server.join(room, gone) == errc::not_running);
    BOOST_TEST(room.size() == 0U);
}

BOOST_AUTO_TEST_CASE(a_group_outlives_its_server) {
    std::optional<house> the{std::in_place, workers(2), 2};
    auto room = the->server().make_group();
    for (auto id : the->ids.all())
        the->server().join(room, id);
    the->host.stop();
    BOOST_TEST(the->server().send(room, frame_payload(1)) == millipede::error_code{});
    the.reset();
    BOOST_TEST(room.size() == 0U);
}

// One of the workers is held by a handler: nobody may get what not all can get.
BOOST_AUTO_TEST_CASE(when_a_worker_has_too_much_waiting_nobody_gets_it) {
    auto wanted = workers(2);
    wanted.broadcast_capacity = 3;
    wanted.mailbox_capacity = 4;
    house the{wanted, 2}; // one on each worker
    auto room = the.server().make_group();
    auto other = the.server().make_group();
    for (auto id : the.ids.all())
        BOOST_TEST(!the.server().join(room, id));
    BOOST_TEST(!the.server().join(other, the.ids.at(1)));
    the.clients[0].send(test::frame(hold));
    BOOST_REQUIRE(eventually([&] { return the.holding == 1; }));
    for (std::uint32_t mark = 0; mark < 3; ++mark) {
        BOOST_TEST(!the.server().send(room, frame_payload(mark)));
        BOOST_TEST(mark_of(the.clients[1].read_frame()) == mark); // the other one is not held up
    }
    BOOST_TEST(the.server().send(room, frame_payload(99)) == errc::mailbox_full);
    BOOST_TEST(!the.server().send(other, frame_payload(3))); // that worker is not concerned
    BOOST_TEST(mark_of(the.clients[1].read_frame()) == 3U);
    for (int count = 0; count < 2; ++count) {
        BOOST_TEST(!the.server().join(other, the.ids.at(0)));
        BOOST_TEST(!the.server().leave(other, the.ids.at(0)));
    }
    BOOST_TEST(the.server().join(other, the.ids.at(0)) == errc::mailbox_full);
    BOOST_TEST(the.server().leave(other, the.ids.at(0)) == errc::mailbox_full);
    the.goes_on = true;
    for (std::uint32_t mark = 0; mark < 3; ++mark)
        BOOST_TEST(mark_of(the.clients[0].read_frame()) == mark);
    BOOST_TEST(eventually([&] { return other.size() == 1; }));
    BOOST_TEST(eventually([&] { return !the.server().join(other, the.ids.at(0)); }));
    BOOST_TEST(eventually([&] { return !the.server().send(other, frame_payload(4)); }));
    for (auto& client : the.clients)
        BOOST_TEST(mark_of(client.read_frame()) == 4U);
}

// A member that reads nothing costs the others nothing; the policy of the send decides.
BOOST_AUTO_TEST_CASE(the_policy_decides_for_each_member_alone) {
    with_both_transports([](auto kind) {
        auto wanted = workers(1, quiet_options(kind));
        wanted.output_max_bytes = 64 * 1024;
        house the{wanted, 2};
        auto room = the.server().make_group();
        for (auto id : the.ids.all())
            the.server().join(room, id);
        constexpr std::size_t size = 20'000;
        std::uint32_t sent = 0;
        auto send = [&](overflow_policy policy) {
            BOOST_REQUIRE(!the.server().send(room, frame_payload(sent, size), policy));
            BOOST_REQUIRE(mark_of(the.clients[1].read_frame()) == sent++);
        };
        auto dropped = [&] { return the.server().metrics().messages_dropped_oldest; };
        while (dropped() == 0 && sent < 5'000)
            send(overflow_policy::drop_oldest);
        BOOST_TEST(dropped() != 0U);
        BOOST_TEST(room.size() == 2U);
        for (int times = 0; times < 10; ++times)
            send(overflow_policy::close);
        BOOST_TEST(eventually([&] { return room.size() == 1; }));
        send(overflow_policy::close);
    });
}

// Members come and go, join and leave from several threads, while others send: whoever is in all
// the time gets everything of each thread in its order, and who passes through gets a part in
// order; nobody gets a message twice.
BOOST_AUTO_TEST_CASE(threads_join_leave_and_send_at_once) {
    constexpr std::uint32_t senders = 3;
    constexpr std::uint32_t each = 400;
    constexpr std::size_t residents = 8;
    auto wanted = workers(3);
    wanted.output_max_bytes = 8 * 1024 * 1024;
    wanted.broadcast_capacity = 4'096;
    house the{wanted, residents + 6};
    auto room = the.server().make_group();
    for (std::size_t index = 0; index < residents; ++index)
        the.server().join(room, the.ids.at(index));
    std::atomic<bool> done{false};
    std::atomic<int> refused{0};
    std::vector<std::thread> threads;
    for (std::uint32_t thread = 0; thread < senders; ++thread)
        threads.emplace_back([&, thread] {
            for (std::uint32_t index = 0; index < each; ++index)
                if (!insist([&] {
                        return the.server().send(room, frame_payload(thread << 24 | index));
                    }))
                    ++refused;
        });
    std::vector<std::thread> movers;
    for (std::size_t mover = 0; mover < 2; ++mover)
        movers.emplace_back([&, mover] {
            for (std::size_t round = 0; !done; ++round) {
                auto id = the.ids.at(residents + mover * 3 + round % 3);
                if (!insist([&] { return the.server().join(room, id); })) ++refused;
                if (round % 4 == 3) the.server().send(room, frame_payload(0xff00'0000));
                if (!insist([&] { return the.server().leave(room, id); })) ++refused;
                std::this_thread::sleep_for(50us);
            }
        });
    for (int round = 0; round < 30; ++round) { // and connections end while they are in
        auto guest = the.host.connect();
        BOOST_REQUIRE(the.ids.wait_for(residents + 7 + static_cast<std::size_t>(round)));
        auto id = the.ids.at(residents + 6 + static_cast<std::size_t>(round));
        BOOST_REQUIRE(insist([&] { return the.server().join(room, id); }));
    }
    for (auto& thread : threads)
        thread.join();
    done = true;
    for (auto& mover : movers)
        mover.join();
    BOOST_TEST(refused == 0);
    auto end = test::frame(news, number(0xee00'0000));
    // Behind all that was sent to the group.
    BOOST_REQUIRE(insist([&] { return the.server().broadcast(payload{bytes_of(end)}); }));
    for (std::size_t index = 0; index < the.clients.size(); ++index) {
        std::map<std::uint32_t, std::uint32_t> next;
        for (;;) {
            auto mark = mark_of(the.clients[index].read_frame());
            if (mark == 0xee00'0000) break;
            if (mark >> 24 >= senders) continue;
            auto& expected = next[mark >> 24];
            if (index < residents)
                BOOST_REQUIRE((mark & 0xffffff) == expected);
            else
                BOOST_REQUIRE((mark & 0xffffff) >= expected);
            expected = (mark & 0xffffff) + 1;
        }
        if (index < residents)
            for (std::uint32_t thread = 0; thread < senders; ++thread)
                BOOST_TEST(next[thread] == each);
    }
    BOOST_TEST(eventually([&] { return room.size() == residents; }));
}

BOOST_AUTO_TEST_SUITE_END()
