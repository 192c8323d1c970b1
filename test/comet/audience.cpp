// SPDX-License-Identifier: BSL-1.0
#include "channels/audience.hpp"

#include <boost/test/unit_test.hpp>

#include <deque>
#include <map>
#include <new>
#include <string>
#include <vector>

BOOST_AUTO_TEST_SUITE(audience)

namespace {

using namespace comet;

constexpr channel_key here{0, 1};
constexpr int crowd_size = audiences::slice + 72; // more than one slice

millipede::payload shared(std::string_view text) {
    return millipede::payload{millipede::as_bytes(text)};
}

channel_event event(sequence number, message_type type = message_type::data) {
    return {type, number, shared(std::to_string(number)), {}};
}

// Notes what subscribers got, and what the channel's worker was told.
class world final : public outlet {
  public:
    channel_limits limits{.polling_timeout = 2};
    audiences all{limits, *this};
    std::map<subscriber const*, std::string> got;
    std::map<subscriber const*, millipede::payload> last;
    std::map<subscriber const*, int> finished_times;
    std::uint32_t left_count = 0;
    std::string left_users;
    std::size_t done_bytes = 0;
    int asked_again = 0;
    std::vector<subscriber*> given_up;
    subscriber const* without_memory = nullptr;

    void send(subscriber& to, millipede::payload bytes, bool may_be_lost) override {
        if (&to == without_memory) throw std::bad_alloc{};
        got[&to].append(text_of(bytes));
        last[&to] = bytes;
        // What ends a reply must not be lost, or the next reply would be taken for it.
        bool is_last = !is_endless(to.how) || text_of(bytes).starts_with("3") ||
                       text_of(bytes) == "\x81\x01"
                                         "3";
        BOOST_TEST(may_be_lost == !is_last);
    }
    void finished(subscriber& served) override { ++finished_times[&served]; }
    void give_up(subscriber& who) noexcept override { given_up.push_back(&who); }
    void left(channel_key key, millipede::payload const& name, departure gone) override {
        BOOST_TEST(key.value() == here.value());
        BOOST_TEST(text_of(name) == "c");
        left_count += gone.count;
        for (auto const& user : gone.users)
            left_users.append(user).append(" ");
    }
    void done(std::size_t bytes) override { done_bytes += bytes; }
    void again() override { ++asked_again; }

    subscriber& join(transport how, sequence from = 1) {
        auto& added = crowd.emplace_back();
        added.how = how;
        added.terms.chunked = false;
        added.is_begun = true;
        added.from = from;
        all.join(added, here, shared("c"));
        return added;
    }
    subscriber& join_as(std::string user, transport how, bool wants_presence = false) {
        auto& added = crowd.emplace_back();
        added.how = how;
        added.terms.chunked = false;
        added.from = 1;
        added.wants_presence = wants_presence;
        added.is_named = !user.empty();
        added.obtain_more().user = std::move(user);
        all.join(added, here, shared("c"));
        return added;
    }
    // Until nothing is left to do.
    void work() {
        while (asked_again > 0) {
            --asked_again;
            all.work();
        }
    }

    std::deque<subscriber> crowd; // they stay where they are
};

} // namespace

BOOST_AUTO_TEST_CASE(polls_get_one_and_streams_all) {
    world w;
    auto& poll = w.join(transport::poll);
    auto& stream = w.join(transport::stream);
    w.all.take(here, event(1));
    w.all.take(here, event(2));
    BOOST_TEST(w.got[&poll] == "1\n");
    BOOST_TEST(w.got[&stream] == "1\n2\n");
    BOOST_TEST(w.finished_times[&poll] == 1);
    BOOST_TEST(w.finished_times[&stream] == 0);
    BOOST_TEST(w.left_count == 1U);
    BOOST_TEST(w.done_bytes == event(1).bytes() + event(2).bytes());
    w.all.leave(stream);
    BOOST_TEST(w.left_count == 2U);
    w.all.leave(stream);
    BOOST_TEST(w.left_count == 2U);
    w.all.take(here, event(3)); // to nobody
    BOOST_TEST(w.done_bytes == event(1).bytes() * 3);
}

BOOST_AUTO_TEST_CASE(without_memory_one_is_given_up_and_the_others_are_served) {
    world w;
    auto& before = w.join(transport::stream);
    auto& unlucky = w.join(transport::stream);
    auto& poll = w.join(transport::poll);
    w.without_memory = &unlucky;
    w.all.take(here, event(1));
    BOOST_TEST(w.got[&before] == "1\n");
    BOOST_TEST(w.got[&poll] == "1\n");
    BOOST_TEST(w.got[&unlucky].empty());
    BOOST_REQUIRE(w.given_up.size() == 1U);
    BOOST_TEST(w.given_up[0] == &unlucky);
    w.all.take(here, event(2));
    BOOST_TEST(w.got[&before] == "1\n2\n");
}

BOOST_AUTO_TEST_CASE(each_framing_is_made_once_however_they_are_mixed) {
    world w;
    std::vector<subscriber*> crowd;
    for (int round = 0; round < 3; ++round)
        for (auto how : {transport::stream, transport::websocket, transport::sse, transport::frame,
                         transport::iframe})
            crowd.push_back(&w.join(how));
    w.all.take(here, event(1));
    for (std::size_t index = 5; index < crowd.size(); ++index)
        BOOST_TEST(w.last[crowd[index]].bytes().data() == w.last[crowd[index - 5]].bytes().data());
    BOOST_TEST(w.got[crowd[1]] == "\x81\x01"
                                  "1");
    BOOST_TEST(w.got[crowd[3]].substr(6) == "\x04\x63"
                                            "1");
    // More than are noted: those that come again are made again.
    for (int number = 0; number < 30; ++number)
        w.join(transport::poll, 2).obtain_more().callback = "f" + std::to_string(number);
    w.all.take(here, event(2));
    for (int number = 0; number < 30; ++number) {
        auto& poll = w.crowd[crowd.size() + static_cast<std::size_t>(number)];
        BOOST_TEST(w.got[&poll] == "f" + std::to_string(number) + "(2);\n");
    }
}

BOOST_AUTO_TEST_CASE(where_there_is_no_reply_nothing_ends_but_the_subscription) {
    world w;
    auto& socket = w.join(transport::websocket);
    w.all.take(here, event(3, message_type::close));
    BOOST_TEST(w.got[&socket] == "\x81\x01"
                                 "3");
    BOOST_TEST(w.finished_times[&socket] == 0);
    BOOST_TEST(!socket.is_used());
    BOOST_TEST(w.left_count == 1U);
    // It is asked from time to time, though it listens to nothing.
    for (int second = 0; second < 3; ++second)
        w.all.tick();
    BOOST_TEST(w.got[&socket].substr(3) == std::string("\x89\x00", 2));
    w.all.leave(socket);
}

BOOST_AUTO_TEST_CASE(callbacks_and_chunks_are_each_ones_own) {
    world w;
    auto& plain = w.join(transport::poll);
    auto& jsonp = w.join(transport::poll);
    auto& other = w.join(transport::poll);
    auto& chunked = w.join(transport::poll);
    auto& sse = w.join(transport::sse);
    jsonp.obtain_more().callback = "f";
    other.obtain_more().callback = "g";
    chunked.terms.chunked = true;
    auto broadcast = event(1, message_type::broadcast);
    broadcast.next_seq = shared("2");
    w.all.take(here, broadcast);
    BOOST_TEST(w.got[&plain] == "[1,2]\n");
    BOOST_TEST(w.got[&jsonp] == "f([1,2]);\n");
    BOOST_TEST(w.got[&other] == "g([1,2]);\n");
    BOOST_TEST(w.got[&chunked] == "6\r\n[1,2]\n\r\n0\r\n\r\n");
    BOOST_TEST(w.got[&sse] == "id: 1@00000001\ndata: 1\n\nid: 1@00000001\ndata: 2\n\n");
}

BOOST_AUTO_TEST_CASE(the_head_comes_with_the_message_when_it_has_not_been_sent) {
    world w;
    w.limits.reply_fields = "More: yes\r\n";
    auto& first = w.join(transport::poll);
    auto& again = w.join(transport::poll);
    auto& last = w.join(transport::poll);
    auto& stream = w.join(transport::stream);
    again.is_begun = last.is_begun = stream.is_begun = false;
    last.terms.keep_alive = false;
    w.all.take(here, event(1));
    BOOST_TEST(w.got[&first] == "1\n");
    auto const& got = w.got[&again];
    BOOST_TEST(got.starts_with("HTTP/1.1 200 OK\r\n"));
    BOOST_TEST(got.find("\r\nMore: yes\r\n") != std::string::npos);
    BOOST_TEST(got.find("\r\nConnection: keep-alive\r\n") != std::string::npos);
    BOOST_TEST(got.ends_with("\r\n\r\n1\n"));
    BOOST_TEST(w.got[&last].find("\r\nConnection: close\r\n") != std::string::npos);
    BOOST_TEST(w.got[&stream] == "1\n"); // only polls are silent until then
    auto& silent = w.join(transport::poll);
    silent.is_begun = false;
    for (int second = 0; second < 3; ++second)
        w.all.tick();
    BOOST_TEST(w.got[&silent].starts_with("HTTP/1.1 200 OK\r\n"));
    BOOST_TEST(w.got[&silent].ends_with("\"content\":\"\"}\n"));
}

BOOST_AUTO_TEST_CASE(a_large_audience_is_served_in_slices) {
    world w;
    std::deque<subscriber*> streams;
    for (int count = 0; count < crowd_size; ++count)
        streams.push_back(&w.join(transport::stream));
    w.all.take(here, event(1));
    BOOST_TEST(w.asked_again == 1);
    BOOST_TEST(w.all.delivered() == audiences::slice);
    BOOST_TEST(w.left_count == 0U);
    // Meanwhile somebody comes who has had the first from elsewhere, two leave, and more is sent.
    auto& late = w.join(transport::stream, 2);
    w.all.leave(*streams[0]);
    w.all.leave(*streams.back());
    w.all.take(here, event(2));
    w.all.take(here, event(3, message_type::close));
    BOOST_TEST(w.asked_again == 1);
    w.work();
    BOOST_TEST(w.got[&late] == "2\n3\n");
    BOOST_TEST(w.got[streams[0]] == "1\n");
    BOOST_TEST(w.got[streams.back()] == "");
    for (auto* each : streams)
        if (each != streams[0] && each != streams.back()) BOOST_TEST(w.got[each] == "1\n2\n3\n");
    BOOST_TEST(w.left_count == crowd_size + 1U);
    BOOST_TEST(w.finished_times.size() == w.crowd.size() - 2);
    BOOST_TEST(w.done_bytes == event(1).bytes() * 3);
}

// Or who comes back at once would be one too many.
BOOST_AUTO_TEST_CASE(polls_are_counted_out_slice_by_slice) {
    world w;
    for (int count = 0; count < crowd_size; ++count)
        w.join(transport::poll);
    w.all.take(here, event(1));
    BOOST_TEST(w.left_count == audiences::slice);
    w.work();
    BOOST_TEST(w.left_count == crowd_size);
}

BOOST_AUTO_TEST_CASE(all_leave_in_the_midst_of_a_message) {
    world w;
    for (int count = 0; count < crowd_size; ++count)
        w.join(transport::stream);
    w.all.take(here, event(1));
    for (auto& each : w.crowd)
        w.all.leave(each);
    auto& fresh = w.join(transport::poll, 2);
    w.all.take(here, event(2));
    w.work();
    BOOST_TEST(w.got[&fresh] == "2\n");
    BOOST_TEST(w.left_count == crowd_size + 1U);
}

BOOST_AUTO_TEST_CASE(who_is_named_leaves_by_name) {
    world w;
    w.join_as("a", transport::poll);
    w.join_as("", transport::poll);
    auto& stream = w.join_as("b", transport::stream);
    auto& nobody = w.join(transport::stream);
    w.join_as("c", transport::poll);
    w.all.take(here, event(1));
    BOOST_TEST(w.left_count == 3U);
    BOOST_TEST(w.left_users == "a c ");
    w.all.leave(nobody);
    BOOST_TEST(w.left_users == "a c ");
    w.all.leave(stream);
    BOOST_TEST(w.left_count == 5U);
    BOOST_TEST(w.left_users == "a c b ");
    w.join_as("d", transport::poll);
    for (int second = 0; second < 3; ++second)
        w.all.tick();
    BOOST_TEST(w.left_count == 6U);
    BOOST_TEST(w.left_users == "a c b d "); // by a noop
    for (int count = 0; count < crowd_size; ++count)
        w.join_as(std::to_string(count), transport::poll);
    w.left_users.clear();
    w.all.take(here, event(2, message_type::data));
    w.work();
    BOOST_TEST(std::count(w.left_users.begin(), w.left_users.end(), ' ') == crowd_size);
}

BOOST_AUTO_TEST_CASE(users_are_told_to_those_who_want_to_know) {
    world w;
    auto& before = w.join(transport::stream);
    auto& first = w.join_as("", transport::stream, true);
    for (int count = 0; count < crowd_size; ++count)
        w.join(transport::stream);
    auto& last = w.join_as("", transport::stream, true);
    for (int count = 0; count < crowd_size; ++count)
        w.join_as("", transport::stream, true);
    w.all.take(here, event(1)); // in slices, between which others come
    auto& between = w.join_as("", transport::stream, true);
    w.join(transport::stream);
    w.work();
    auto join = event(2, message_type::join);
    join.object = shared("joined");
    w.all.take(here, join);
    w.work();
    for (auto* each : {&first, &last})
        BOOST_TEST(w.got[each] == "1\njoined\n");
    BOOST_TEST(w.got[&between] == "joined\n");
    BOOST_TEST(w.got[&before] == "1\n");
    BOOST_TEST(w.all.delivered() == 3U * crowd_size + 6U);
    auto leave = event(2, message_type::leave);
    leave.object = shared("left");
    w.all.take(here, leave); // it takes no number
    w.work();
    BOOST_TEST(w.got[&first] == "1\njoined\nleft\n");
    w.all.take(here, event(2));
    w.work();
    for (auto& each : w.crowd)
        BOOST_TEST(w.got[&each].ends_with("2\n"));
    BOOST_TEST(w.left_count == 0U);
}

BOOST_AUTO_TEST_CASE(what_one_has_had_already_is_not_for_him) {
    world w;
    auto& poll = w.join(transport::poll, 5);
    w.all.take(here, event(4));
    BOOST_TEST(w.got[&poll] == "");
    w.all.take(here, event(5));
    BOOST_TEST(w.got[&poll] == "5\n");
    auto& wrapped = w.join(transport::poll, -2147483647 - 1);
    w.all.take(here, event(2147483647));
    w.all.take(here, event(-2147483647 - 1));
    BOOST_TEST(w.got[&wrapped] == "-2147483648\n");
}

BOOST_AUTO_TEST_CASE(silence_ends_with_a_noop) {
    world w;
    auto& poll = w.join(transport::poll);
    auto& stream = w.join(transport::stream);
    stream.noop = 7;
    w.all.tick();
    w.all.tick();
    BOOST_TEST(w.all.noops() == 0U);
    w.all.tick();
    BOOST_TEST(w.got[&poll] == "{\"type\":\"noop\",\"cname\":\"c\",\"seq\":0,\"content\":\"\"}\n");
    BOOST_TEST(w.got[&stream] ==
               "{\"type\":\"noop\",\"cname\":\"c\",\"seq\":7,\"content\":\"\"}\n");
    BOOST_TEST(w.finished_times[&poll] == 1);
    BOOST_TEST(w.left_count == 1U);
    BOOST_TEST(w.all.noops() == 2U);
    w.all.tick();
    w.all.take(here, event(1)); // is no silence
    w.all.tick();
    w.all.tick();
    BOOST_TEST(w.all.noops() == 2U);
    w.all.tick();
    BOOST_TEST(w.all.noops() == 3U);
    BOOST_TEST(stream.noop == 9);
    stream.noop = 2147483647;
    for (int second = 0; second < 3; ++second)
        w.all.tick();
    BOOST_TEST(stream.noop == -2147483647 - 1);
}

BOOST_AUTO_TEST_CASE(many_silent_ones_are_told_in_slices) {
    world w;
    for (int count = 0; count < 3 * crowd_size; ++count)
        w.join(transport::poll);
    for (int second = 0; second < 3; ++second)
        w.all.tick();
    BOOST_TEST(w.all.noops() == audiences::slice);
    w.work();
    BOOST_TEST(w.all.noops() == 3U * crowd_size);
    BOOST_TEST(w.left_count == 3U * crowd_size);
}

BOOST_AUTO_TEST_SUITE_END()
