// SPDX-License-Identifier: BSL-1.0
// Functions for a worker, for none of its connections; and codecs that ask a connection's session.
#include "support/captured_log.hpp"
#include "support/printing.hpp"
#include "support/running_server.hpp"

#include <millipede/wire/raw.hpp>

#include <boost/test/unit_test.hpp>

#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

BOOST_AUTO_TEST_SUITE(worker_functions)

namespace {

using namespace std::chrono_literals;
using millipede::errc;
using millipede::frame;
using test::eventually;
using test::quiet_options;
using test::raw_client;
using test::recorded;
using test::running_server;

millipede::options two_workers() {
    auto wanted = quiet_options();
    wanted.workers = 2;
    return wanted;
}

} // namespace

BOOST_AUTO_TEST_CASE(each_runs_on_its_worker_in_order) {
    running_server<> host{two_workers()};
    BOOST_TEST((host.server.post_to(0, [] {}) == errc::not_running));
    BOOST_CHECK_THROW(static_cast<void>(host.server.post_to(2, [] {})), std::out_of_range);
    host.start();
    std::vector<std::vector<int>> seen(2);
    std::vector<std::thread::id> threads(2);
    std::atomic<int> done{0};
    for (int count = 0; count < 1000; ++count)
        for (std::uint32_t worker : {0U, 1U})
            BOOST_TEST(!host.server.post_to(worker, [&, worker, count] {
                seen[worker].push_back(count);
                threads[worker] = std::this_thread::get_id();
                ++done;
            }));
    BOOST_REQUIRE(eventually([&] { return done == 2000; }));
    host.stop();
    for (auto const& each : seen)
        for (std::size_t at = 0; at < each.size(); ++at)
            BOOST_TEST(each[at] == static_cast<int>(at));
    BOOST_TEST((threads[0] != threads[1]));
    BOOST_TEST((threads[0] != std::this_thread::get_id()));
    BOOST_TEST((host.server.post_to(0, [] {}) == errc::not_running));
}

// It keeps its place among what the same thread sends and posts.
BOOST_AUTO_TEST_CASE(it_stands_in_line_with_posts) {
    running_server<> host;
    std::atomic<std::uint64_t> id{0};
    host.server.on_open([&](auto& connection) { id = connection.id().value(); });
    host.start();
    raw_client client{host.server.endpoints().at(0)};
    BOOST_REQUIRE(eventually([&] { return id != 0; }));
    auto who = millipede::connection_id::from_value(id);
    std::string order;
    std::atomic<int> done{0};
    for (int count = 0; count < 100; ++count) {
        BOOST_TEST(!host.server.post(who, [&](auto&) { order += 'p', ++done; }));
        BOOST_TEST(!host.server.post_to(who.worker(), [&] { order += 'f', ++done; }));
    }
    BOOST_REQUIRE(eventually([&] { return done == 200; }));
    for (std::size_t at = 0; at < order.size(); ++at)
        BOOST_TEST(order[at] == (at % 2 == 0 ? 'p' : 'f'));
}

BOOST_AUTO_TEST_CASE(what_it_throws_is_counted_and_what_is_moved_into_it_freed) {
    running_server<> host;
    host.start();
    auto kept = std::make_shared<int>(0);
    BOOST_TEST(!host.server.post_to(
        0, [kept, alone = std::make_unique<int>(1)] { throw std::runtime_error{"on purpose"}; }));
    BOOST_TEST(eventually([&] { return host.server.metrics().callback_failures == 1; }));
    BOOST_TEST(eventually([&] { return kept.use_count() == 1; }));
}

BOOST_AUTO_TEST_CASE(a_full_mailbox_refuses_it) {
    auto wanted = quiet_options();
    wanted.mailbox_capacity = 4;
    running_server<> host{wanted};
    host.start();
    std::atomic<bool> held{false};
    std::atomic<bool> go_on{false};
    std::atomic<int> ran{0};
    BOOST_TEST(!host.server.post_to(0, [&] {
        held = true;
        while (!go_on)
            std::this_thread::sleep_for(1ms);
    }));
    BOOST_REQUIRE(eventually([&] { return held.load(); }));
    for (int count = 0; count < 4; ++count)
        BOOST_TEST(!host.server.post_to(0, [&] { ++ran; }));
    BOOST_TEST((host.server.post_to(0, [&] { ++ran; }) == errc::mailbox_full));
    go_on = true;
    BOOST_TEST(eventually([&] { return ran == 4; }));
}

BOOST_AUTO_TEST_CASE(a_full_mailbox_takes_what_has_a_bound_of_its_own) {
    auto wanted = quiet_options();
    wanted.mailbox_capacity = 1;
    running_server<> host{wanted};
    BOOST_TEST((host.server.post_to_admitted(0, [] {}) == errc::not_running));
    BOOST_CHECK_THROW(static_cast<void>(host.server.post_to_admitted(1, [] {})), std::out_of_range);
    std::atomic<std::uint64_t> id{0};
    host.server.on_open([&](auto& connection) { id = connection.id().value(); });
    host.start();
    raw_client client{host.server.endpoints().at(0)};
    BOOST_REQUIRE(eventually([&] { return id != 0; }));
    auto who = millipede::connection_id::from_value(id);
    std::atomic<bool> held{false};
    std::atomic<bool> go_on{false};
    std::atomic<int> ran{0};
    std::string order;
    BOOST_TEST(!host.server.post_to(0, [&] {
        held = true;
        while (!go_on)
            std::this_thread::sleep_for(1ms);
    }));
    BOOST_REQUIRE(eventually([&] { return held.load(); }));
    auto note = [&](char what) {
        order += what;
        ++ran;
    };
    BOOST_TEST(!host.server.post_to(0, [&] { note('a'); }));
    BOOST_TEST((host.server.post_to(0, [&] { note('-'); }) == errc::mailbox_full));
    BOOST_TEST(!host.server.post_to_admitted(0, [&] { note('b'); }));
    BOOST_TEST(!host.server.post_admitted(who, [&](auto&) { note('c'); }));
    BOOST_TEST((host.server.post(who, [&](auto&) { note('-'); }) == errc::mailbox_full));
    go_on = true;
    BOOST_REQUIRE(eventually([&] { return ran == 3; }));
    BOOST_TEST(order == "abc");
    millipede::connection_id stranger{7, 0, 1};
    BOOST_TEST((host.server.post_admitted(stranger, [](auto&) {}) == errc::stale_connection));
}

// What a visitor sends goes out, and a close comes behind it.
BOOST_AUTO_TEST_CASE(a_connection_may_be_visited_on_its_own_thread) {
    for (auto kind : test::both_transports) {
        running_server<> host{quiet_options(kind)};
        recorded<millipede::error_code> ends;
        std::atomic<std::uint64_t> id{0};
        host.server.on_open([&](auto& connection) { id = connection.id().value(); });
        host.server.on_close([&](auto&, auto& why) { ends.add(why); });
        BOOST_TEST(!host.server.visit({0, 0, 1}, [](auto&) {}));
        host.start();
        raw_client client{host.server.endpoints().at(0)};
        BOOST_REQUIRE(eventually([&] { return id != 0; }));
        auto who = millipede::connection_id::from_value(id);
        BOOST_TEST(!host.server.visit(who, [](auto&) { BOOST_ERROR("on another thread"); }));
        std::atomic<int> visits{0};
        std::atomic<int> escaped{0};
        auto last = [&] {
            bool found = host.server.visit(who, [](millipede::basic_connection& met) {
                met.send_bytes(millipede::as_bytes("last"));
                met.close(errc::no_memory);
            });
            visits += found && ends.size() == 0 ? 1 : 100; // it ends later
            try {
                host.server.visit(who, [](auto&) { throw std::runtime_error{"on purpose"}; });
            } catch (std::runtime_error const&) {
                ++escaped;
            }
        };
        boost::asio::post(host.server.get_executor(0), last);
        auto heard = client.read_to_end();
        BOOST_TEST(heard.clean);
        BOOST_TEST(heard.bytes == "last");
        BOOST_TEST(ends.wait_for(1));
        BOOST_TEST((ends.at(0) == errc::no_memory));
        BOOST_TEST(visits == 1);
        BOOST_TEST(escaped == 1);
        std::atomic<int> gone{-1};
        BOOST_TEST(!host.server.post_to(0, [&] { gone = host.server.visit(who, [](auto&) {}); }));
        BOOST_TEST(eventually([&] { return gone == 0; }));
    }
}

namespace {

// Each byte is a message; '(' opens a pause of the session's, in which the rest is not looked at.
struct pausing_session {
    bool holds = false;
    int asked = 0;
};

class pausing_codec {
  public:
    using message_type = std::span<std::byte const>;

    std::size_t size_max() const noexcept { return 1; }
    millipede::decode_result decode(std::span<std::byte const>, message_type&) const {
        throw std::logic_error{"the other form is to be asked"};
    }
    millipede::decode_result decode(std::span<std::byte const> input, message_type& message,
                                    pausing_session& session) const {
        ++session.asked;
        if (input.empty()) return millipede::decode_result::incomplete(1);
        message = input.first(session.holds ? 0 : 1);
        return millipede::decode_result::complete(message.size());
    }
    template <millipede::byte_sink Sink>
    void encode(message_type message, Sink& sink) const {
        sink.append(message);
    }
};

static_assert(millipede::session_codec<pausing_codec, pausing_session>);
static_assert(!millipede::session_codec<pausing_codec, int>);
static_assert(!millipede::session_codec<millipede::raw_codec, pausing_session>);

} // namespace

// A codec that finds its session at something else hands over nothing, and the handler pauses: what
// has come behind it waits, and is handled when the session goes on.
BOOST_AUTO_TEST_CASE(a_codec_may_ask_the_session) {
    using server = millipede::server<pausing_session, pausing_codec>;
    for (auto kind : test::both_transports) {
        server host{test::clients_stay(quiet_options(kind))};
        recorded<std::string> told;
        std::atomic<std::uint64_t> id{0};
        host.on_message([&](server::connection_type& connection, auto message) {
            if (message.empty()) {
                told.add("held");
                connection.pause_receiving();
                id = connection.id().value();
                return;
            }
            told.add(test::text_of(message));
            connection->holds = message.front() == std::byte{'('};
        });
        host.start();
        std::thread running{[&] { host.run(); }};
        raw_client client{host.endpoints().at(0)};
        client.send("ab(cd");
        client.send("e");
        BOOST_TEST(told.wait_for(4));
        BOOST_REQUIRE(eventually([&] { return id != 0; }));
        BOOST_TEST(!host.post(millipede::connection_id::from_value(id), [](auto& connection) {
            connection->holds = false;
            connection.resume_receiving();
        }));
        BOOST_TEST(told.wait_for(7));
        host.stop();
        running.join();
        std::string all;
        for (std::size_t at = 0; at < 7; ++at)
            all += told.at(at) + " ";
        BOOST_TEST(all == "a b ( held c d e ");
    }
}

BOOST_AUTO_TEST_SUITE_END()
