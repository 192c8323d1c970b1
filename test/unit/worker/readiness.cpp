// SPDX-License-Identifier: BSL-1.0
#include <millipede/worker/readiness.hpp>

#include <boost/test/unit_test.hpp>

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <set>
#include <vector>

BOOST_AUTO_TEST_SUITE(readiness)

namespace {

struct local_pair {
    local_pair() {
        BOOST_REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0);
    }
    ~local_pair() {
        ::close(ends[0]);
        ::close(ends[1]);
    }
    void send() { BOOST_TEST(::send(ends[1], "x", 1, 0) == 1); }
    void receive() {
        char one;
        BOOST_TEST(::recv(ends[0], &one, 1, 0) == 1);
    }
    int ours() const { return ends[0]; }
    int ends[2];
};

struct fixture {
    std::span<epoll_event> collect() { return ready.collect(room); }
    void run() {
        context.restart();
        context.poll();
    }
    millipede::detail::handler_memory memory;
    boost::asio::io_context context;
    millipede::detail::readiness ready{context};
    std::array<epoll_event, 4> room;
};

} // namespace

BOOST_FIXTURE_TEST_CASE(input_is_announced_once_with_its_token, fixture) {
    local_pair pair;
    BOOST_TEST(ready.add(pair.ours(), 0x1234567890abcdefU));
    BOOST_TEST(collect().empty());
    pair.send();
    auto events = collect();
    BOOST_REQUIRE(events.size() == 1U);
    BOOST_TEST((events[0].data.u64 == 0x1234567890abcdefU));
    BOOST_TEST((events[0].events & EPOLLIN) != 0U);
    BOOST_TEST((events[0].events & EPOLLOUT) == 0U);
    BOOST_TEST(collect().empty()); // edge-triggered
    pair.receive();
    pair.send();
    BOOST_TEST(collect().size() == 1U);
}

BOOST_FIXTURE_TEST_CASE(input_that_waits_already_is_announced, fixture) {
    local_pair pair;
    pair.send();
    BOOST_TEST(ready.add(pair.ours(), 1));
    BOOST_TEST(collect().size() == 1U);
}

BOOST_FIXTURE_TEST_CASE(a_hang_up_is_announced, fixture) {
    local_pair pair;
    ready.add(pair.ours(), 1);
    ::shutdown(pair.ends[1], SHUT_WR);
    auto events = collect();
    BOOST_REQUIRE(events.size() == 1U);
    BOOST_TEST((events[0].events & EPOLLRDHUP) != 0U);
}

BOOST_FIXTURE_TEST_CASE(output_is_announced_once_it_was_asked_for, fixture) {
    local_pair pair;
    ready.add(pair.ours(), 1);
    BOOST_TEST(collect().empty());
    BOOST_TEST(ready.add_output(pair.ours(), 1));
    auto events = collect();
    BOOST_REQUIRE(events.size() == 1U);
    BOOST_TEST((events[0].events & EPOLLOUT) != 0U);
}

BOOST_FIXTURE_TEST_CASE(both_directions_are_announced_from_the_beginning, fixture) {
    local_pair pair;
    BOOST_TEST(ready.add_both(pair.ours(), 7));
    auto events = collect();
    BOOST_REQUIRE(events.size() == 1U);
    BOOST_TEST((events[0].data.u64 == 7U));
    BOOST_TEST((events[0].events & EPOLLOUT) != 0U);
    BOOST_TEST(collect().empty());
    pair.send();
    events = collect();
    BOOST_REQUIRE(events.size() == 1U);
    BOOST_TEST((events[0].events & EPOLLIN) != 0U);
}

BOOST_FIXTURE_TEST_CASE(what_is_removed_is_announced_no_more, fixture) {
    local_pair pair;
    ready.add(pair.ours(), 1);
    ready.remove(pair.ours());
    pair.send();
    BOOST_TEST(collect().empty());
    BOOST_TEST(ready.add(pair.ours(), 2)); // and may come back
    BOOST_TEST(collect().size() == 1U);
}

BOOST_FIXTURE_TEST_CASE(a_descriptor_that_is_none_is_refused, fixture) {
    BOOST_TEST(!ready.add_both(-1, 1));
    BOOST_TEST(!ready.add(-1, 1));
    BOOST_TEST(errno == EBADF);
}

BOOST_FIXTURE_TEST_CASE(the_context_learns_of_events_each_time, fixture) {
    local_pair pair;
    ready.add(pair.ours(), 1);
    int calls = 0;
    auto wait = [&] { ready.async_wait(memory, [&] { ++calls; }); };
    wait();
    run();
    BOOST_TEST(calls == 0);
    pair.send();
    run();
    BOOST_TEST(calls == 1);
    wait(); // the event has not been collected: it is still there
    run();
    BOOST_TEST(calls == 2);
    BOOST_TEST(collect().size() == 1U);
    wait();
    run();
    BOOST_TEST(calls == 2);
    ready.cancel();
    run();
    BOOST_TEST(calls == 2);
}

BOOST_FIXTURE_TEST_CASE(more_events_than_room_come_in_several_collections, fixture) {
    std::vector<local_pair> pairs(10);
    for (std::size_t index = 0; index < pairs.size(); ++index) {
        ready.add(pairs[index].ours(), index);
        pairs[index].send();
    }
    std::set<std::uint64_t> tokens;
    for (int collection = 0; collection < 3; ++collection)
        for (auto const& event : collect())
            tokens.insert(event.data.u64);
    BOOST_TEST(tokens.size() == pairs.size());
}

BOOST_AUTO_TEST_SUITE_END()
