// SPDX-License-Identifier: BSL-1.0
// One server, other codecs at other endpoints.
#include "support/printing.hpp"
#include "support/running_server.hpp"

#include <millipede/wire/fixed.hpp>
#include <millipede/wire/length_prefixed.hpp>
#include <millipede/wire/line.hpp>
#include <millipede/wire/raw.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/detached.hpp>
#include <boost/test/unit_test.hpp>

#include <array>
#include <atomic>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

BOOST_AUTO_TEST_SUITE(services)

namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using millipede::connection_id;
using millipede::errc;
using millipede::error_code;
using millipede::frame;
using millipede::frame_codec;
using millipede::line_codec;
using test::eventually;
using test::expectations;
using test::quiet_options;
using test::recorded;
using test::running_server;
using test::with_both_transports;

using bytes = std::span<std::byte const>;

struct small { // the sessions of the frame codec's connections
    int number = 7;
};
struct large { // those of others
    std::array<std::uint64_t, 16> words{};
    std::uint64_t mark = 0x1234567890abcdef;
};

struct greeting { // a message with a command, for services that have them
    static constexpr std::uint16_t command = 9;
    boost::endian::little_uint16_t value;
};

// Frames at the first endpoint, lines at the second; `start()` after what the test adds.
struct two_codecs {
    explicit two_codecs(millipede::transport_kind kind = millipede::transport_kind::epoll)
        : host{test::clients_stay(quiet_options(kind))},
          lines{host.server.listen<large>(line_codec{}, "127.0.0.1:0")} {
        host.server.on_open([this](auto& connection) { frame_ids.add(connection.id()); });
        host.server.on_message(
            [](auto& connection, frame const& received) { connection.send(received); });
        lines.on_open([this](auto& connection) { line_ids.add(connection.id()); });
        lines.on_message([](auto& connection, bytes line) { connection.send(line); });
    }

    test::raw_client connect(std::size_t index) {
        test::raw_client client{host.server.endpoints().at(index)};
        auto& ids = index == 0 ? frame_ids : line_ids;
        if (!ids.wait_for(++clients[index])) throw std::runtime_error{"not let in"};
        return client;
    }

    recorded<connection_id> frame_ids; // before the server, whose handlers use them
    recorded<connection_id> line_ids;
    std::array<std::size_t, 2> clients{};
    running_server<small> host;
    millipede::service<large, line_codec>& lines;
};

} // namespace

BOOST_AUTO_TEST_CASE(each_endpoint_speaks_its_codec) {
    with_both_transports([](auto kind) {
        two_codecs both{kind};
        both.host.start();
        auto framed = both.connect(0);
        auto lined = both.connect(1);
        framed.send(test::frame(1, "data"));
        lined.send("a line\nand one mo");
        BOOST_TEST((framed.read_frame() == test::frame(1, "data")));
        BOOST_TEST(lined.read(7) == "a line\n");
        lined.send("re\n");
        BOOST_TEST(lined.read(13) == "and one more\n");
        framed.send("a line\n!");
        BOOST_TEST(framed.read_to_end().bytes.empty());
        lined.send("still here\n");
        BOOST_TEST(lined.read(11) == "still here\n");
    });
}

BOOST_AUTO_TEST_CASE(every_codec_serves_a_connection) {
    with_both_transports([](auto kind) {
        running_server<> host{quiet_options(kind)};
        auto serve = [&](auto codec) {
            host.server.listen(codec, "127.0.0.1:0").on_message([](auto& connection, bytes data) {
                connection.send(data);
            });
        };
        serve(line_codec{{.ending = millipede::line_ending::crlf}});
        serve(millipede::length_prefixed_codec{{.bits = 16}});
        serve(millipede::fixed_codec{3});
        serve(millipede::raw_codec{});
        host.start();
        std::vector<std::string> streams{"one\r\n\r\nthree\r\n"s, "\0\3one\0\0\0\5three"s,
                                         "onetwo"s, "anything"s};
        for (std::size_t index = 0; index < streams.size(); ++index) {
            test::raw_client client{host.server.endpoints().at(index + 1)};
            for (char each : streams[index])
                client.send({&each, 1});
            client.end_output();
            auto ending = client.read_to_end();
            BOOST_TEST((ending.bytes == streams[index]));
            BOOST_TEST(ending.clean);
        }
    });
}

BOOST_AUTO_TEST_CASE(a_service_may_have_commands_as_well) {
    running_server<> host;
    frame_codec::settings settings;
    settings.magic = 0x01020304;
    auto& other = host.server.listen(frame_codec{settings}, "127.0.0.1:0");
    recorded<int> seen;
    other.on<greeting>([&](auto& connection, greeting const& message) {
        seen.add(message.value);
        connection.send(greeting{4});
    });
    recorded<error_code> reasons;
    other.on(10, [](auto& connection, frame const&) { connection.close(errc::too_fast); });
    other.on_close([&](auto&, error_code const& why) { reasons.add(why); });
    host.start();
    auto head = "\4\3\2\1"s;
    test::raw_client client{host.server.endpoints().at(1)};
    client.send(head + "\x0a\0\x09\0\3\0"s);
    BOOST_TEST((client.read(10) == head + "\x0a\0\x09\0\4\0"s));
    BOOST_TEST(seen.at(0) == 3);
    client.send(head + "\x08\0\x0a\0"s);
    client.read_to_end();
    BOOST_REQUIRE(reasons.wait_for(1));
    BOOST_TEST(reasons.at(0) == errc::too_fast);

    test::raw_client wrong{host.server.endpoints().at(1)};
    wrong.send(head + "\x09\0\x09\0\3"s); // too short
    wrong.read_to_end();
    BOOST_REQUIRE(reasons.wait_for(2));
    BOOST_TEST(reasons.at(1) == errc::bad_message);
}

BOOST_AUTO_TEST_CASE(a_service_may_listen_at_several_places) {
    two_codecs both;
    both.lines.listen("127.0.0.1:0");
    both.host.start();
    BOOST_TEST(both.host.server.endpoints().size() == 3U);
    BOOST_TEST(both.host.server.places().size() == 3U);
    for (std::size_t index : {1U, 2U}) {
        test::raw_client client{both.host.server.endpoints().at(index)};
        client.send("line\n");
        BOOST_TEST(client.read(5) == "line\n");
    }
}

BOOST_AUTO_TEST_CASE(sessions_of_each_kind_begin_and_end) {
    static std::atomic<int> alive{0};
    struct counted {
        std::array<char, 100> filling{};
        std::uint64_t mark = 42;
        counted() noexcept { ++alive; }
        ~counted() { --alive; }
    };
    running_server<small> host;
    expectations expect;
    recorded<std::uint64_t> closed;
    host.server.on_close([&](auto& connection, auto const&) { expect(connection->number == 7); });
    auto& lines = host.server.listen<counted>(line_codec{}, "127.0.0.1:0");
    lines.on_message([](auto& connection, bytes) { ++connection->mark; });
    lines.on_close([&](auto& connection, auto const&) { closed.add(connection->mark); });
    host.start();
    for (int round = 0; round < 3; ++round) { // slots are used again, by either kind
        test::raw_client lined{host.server.endpoints().at(1)};
        test::raw_client framed{host.server.endpoints().at(0)};
        lined.send("one\ntwo\n");
        framed.end_output();
        framed.read_to_end();
        lined.end_output();
        lined.read_to_end();
        BOOST_REQUIRE(closed.wait_for(static_cast<std::size_t>(round) + 1));
        BOOST_TEST(closed.at(static_cast<std::size_t>(round)) == 44U);
    }
    host.stop();
    BOOST_TEST(alive == 0);
    BOOST_TEST(expect.broken() == 0);
}

BOOST_AUTO_TEST_CASE(what_is_too_long_ends_its_connection_after_the_replies) {
    two_codecs both;
    recorded<error_code> reasons;
    both.lines.on_close([&](auto&, error_code const& why) { reasons.add(why); });
    both.host.start();
    auto client = both.connect(1);
    client.send("first\n" + std::string(8'192, 'x') + "\n");
    auto ending = client.read_to_end();
    BOOST_TEST(ending.bytes == "first\n");
    BOOST_TEST(ending.clean);
    BOOST_REQUIRE(reasons.wait_for(1));
    BOOST_TEST(reasons.at(0) == errc::bad_size);
}

BOOST_AUTO_TEST_CASE(a_line_that_cannot_be_sent_ends_only_its_connection) {
    two_codecs both;
    both.lines.on_message([](auto& connection, bytes) {
        connection.send("before"s);
        connection.send("two\nlines"s);
    });
    recorded<error_code> reasons;
    both.lines.on_close([&](auto&, error_code const& why) { reasons.add(why); });
    both.host.start();
    auto client = both.connect(1);
    client.send("go\n");
    client.read_to_end();
    BOOST_REQUIRE(reasons.wait_for(1));
    BOOST_TEST(reasons.at(0) == errc::handler_failed);
}

BOOST_AUTO_TEST_CASE(what_is_sent_from_another_thread_is_encoded_for_its_service) {
    two_codecs both;
    both.host.start();
    auto framed = both.connect(0);
    auto lined = both.connect(1);
    BOOST_TEST(!both.lines.send(both.line_ids.at(0), "pushed"s).failed());
    BOOST_TEST(lined.read(7) == "pushed\n");
    BOOST_TEST(!both.host.server.send(both.frame_ids.at(0), greeting{5}).failed());
    BOOST_TEST((framed.read_frame() == test::frame(9, "\5\0"s)));
}

BOOST_AUTO_TEST_CASE(a_post_finds_only_connections_of_its_own_kind) {
    two_codecs both;
    both.host.start();
    auto framed = both.connect(0);
    auto lined = both.connect(1);
    recorded<std::uint64_t> marks;
    recorded<int> numbers;
    auto read_mark = [&](auto& connection) { marks.add(connection->mark); };
    auto read_number = [&](auto& connection) { numbers.add(connection->number); };
    auto framed_id = both.frame_ids.at(0);
    auto lined_id = both.line_ids.at(0);
    auto& server = both.host.server;
    for (auto id : {framed_id, lined_id}) { // each of them once wrong, in both directions
        BOOST_TEST(!both.lines.post(id, read_mark).failed());
        BOOST_TEST(!server.post(id, read_number).failed());
    }
    BOOST_REQUIRE(marks.wait_for(1));
    BOOST_REQUIRE(numbers.wait_for(1));
    both.host.stop(); // all requests are done by then
    BOOST_TEST((marks.all() == std::vector{std::uint64_t{0x1234567890abcdef}}));
    BOOST_TEST((numbers.all() == std::vector{7}));
}

BOOST_AUTO_TEST_CASE(a_broadcast_of_a_message_reaches_those_who_understand_it) {
    two_codecs both;
    both.host.start();
    auto framed = both.connect(0);
    auto lined = both.connect(1);
    auto& server = both.host.server;
    auto drop_oldest = millipede::overflow_policy::drop_oldest;
    auto none = [](auto const&) { return false; };
    BOOST_TEST(!server.broadcast(greeting{1}).failed());
    BOOST_TEST(!server.broadcast(greeting{2}, drop_oldest).failed());
    BOOST_TEST(!server.broadcast(greeting{3}, none).failed());
    server.async_broadcast(greeting{4}, boost::asio::detached);
    BOOST_TEST(!both.lines.broadcast("one"s).failed());
    BOOST_TEST(!both.lines.broadcast("none"s, none).failed());
    BOOST_TEST(!both.lines
                    .broadcast(
                        "two"s, [](auto const& each) { return each->mark != 0; }, drop_oldest)
                    .failed());
    // Bytes as they stand go to all.
    BOOST_TEST(!server.broadcast(millipede::payload{millipede::as_bytes("raw\n")}).failed());
    auto expected =
        test::frame(9, "\1\0"s) + test::frame(9, "\2\0"s) + test::frame(9, "\4\0"s) + "raw\n";
    BOOST_TEST((framed.read(expected.size()) == expected));
    BOOST_TEST(lined.read(12) == "one\ntwo\nraw\n");
}

BOOST_AUTO_TEST_CASE(a_service_may_offload) {
    auto wanted = test::clients_stay();
    wanted.offload_threads = 1;
    running_server<> host{wanted};
    auto& lines = host.server.listen(line_codec{}, "127.0.0.1:0");
    recorded<std::thread::id> threads;
    lines.on_open([&](auto&) { threads.add(std::this_thread::get_id()); });
    lines.on_message(millipede::offload([&](connection_id, bytes line) {
        threads.add(std::this_thread::get_id());
        return std::string{reinterpret_cast<char const*>(line.data()), line.size()} + "!";
    }));
    host.start();
    test::raw_client client{host.server.endpoints().at(1)};
    client.send("one\ntwo\n");
    BOOST_TEST(client.read(10) == "one!\ntwo!\n");
    BOOST_REQUIRE(threads.size() == 3U);
    BOOST_TEST((threads.at(0) != threads.at(1)));
    BOOST_TEST((threads.at(1) == threads.at(2)));
}

BOOST_AUTO_TEST_CASE(a_service_may_hold_conversations_while_others_have_handlers) {
    with_both_transports([](auto kind) {
        two_codecs both{kind};
        auto& fixed = both.host.server.listen<large>(millipede::fixed_codec{3}, "127.0.0.1:0");
        recorded<error_code> reasons;
        fixed.on_connection([&](auto peer) -> boost::asio::awaitable<void> {
            for (;;) {
                auto message = co_await peer.async_receive();
                peer.session().mark += 1;
                co_await peer.async_send(message);
                if (peer.session().mark == 0x1234567890abcdef + 2) co_return;
            }
        });
        fixed.on_close([&](auto& connection, error_code const& why) {
            if (connection->mark == 0x1234567890abcdef + 2) reasons.add(why);
        });
        both.host.start();
        auto lined = both.connect(1);
        test::raw_client client{both.host.server.endpoints().at(2)};
        client.send("one");
        BOOST_TEST(client.read(3) == "one");
        lined.send("line\n");
        BOOST_TEST(lined.read(5) == "line\n");
        client.send("two");
        auto ending = client.read_to_end();
        BOOST_TEST(ending.bytes == "two");
        BOOST_TEST(ending.clean);
        BOOST_REQUIRE(reasons.wait_for(1));
        BOOST_TEST(reasons.at(0) == errc::closed_by_server);
    });
}

BOOST_AUTO_TEST_CASE(a_service_takes_completion_tokens) {
    two_codecs both;
    both.host.start();
    auto framed = both.connect(0);
    auto lined = both.connect(1);
    recorded<error_code> results;
    auto told = [&](error_code const& failure) { results.add(failure); };
    both.lines.async_send(both.line_ids.at(0), "sent"s, told);
    BOOST_REQUIRE(results.wait_for(1));
    both.lines.async_broadcast("to all"s, told);
    BOOST_REQUIRE(results.wait_for(2));
    both.lines.async_broadcast(
        both.lines.encode("to nobody"s), [](auto const&) { return false; }, told);
    BOOST_REQUIRE(results.wait_for(3));
    BOOST_TEST(!both.lines.send(both.host.server.make_group(), "to no members"s));
    both.lines.send(both.line_ids.at(0), "last"s);
    BOOST_TEST(lined.read(17) == "sent\nto all\nlast\n");
    for (std::size_t index = 0; index < 3; ++index)
        BOOST_TEST(!results.at(index));
    framed.send(test::frame(1, "data"));
    BOOST_TEST((framed.read_frame() == test::frame(1, "data"))); // it got no line
}

BOOST_AUTO_TEST_CASE(a_service_is_told_of_drops_and_of_the_drain) {
    auto wanted = quiet_options();
    wanted.output_max_bytes = 4'096;
    wanted.overflow = millipede::overflow_policy::drop_newest;
    running_server<> host{wanted};
    auto& lines = host.server.listen(line_codec{{.size_max = 65'536}}, "127.0.0.1:0");
    recorded<std::uint64_t> dropped;
    lines.on_overflow([&](auto&, auto const& event) { dropped.add(event.messages); });
    lines.on_message([&](auto& connection, bytes line) {
        for (int count = 0; count < 1'000 && dropped.size() == 0; ++count)
            connection.send(line, millipede::overflow_policy::drop_newest);
    });
    lines.on_drain([](auto& connection, auto) { connection.send("goodbye"s); });
    host.start();
    {
        test::raw_client stuck{host.server.endpoints().at(1), 4'096};
        stuck.send(std::string(60'000, 'x') + "\n");
        BOOST_TEST(dropped.wait_for(1));
    }
    test::raw_client client{host.server.endpoints().at(1)};
    client.send("\n"); // it is in
    BOOST_TEST(eventually([&] { return host.server.metrics().opened == 2; }));
    host.server.drain(5s, 0s);
    BOOST_TEST(client.read_to_end().bytes == "goodbye\n");
}

BOOST_AUTO_TEST_CASE(nothing_is_added_after_the_start) {
    two_codecs both;
    both.host.start();
    auto& server = both.host.server;
    BOOST_CHECK_THROW(server.listen(line_codec{}, "127.0.0.1:0"), std::logic_error);
    BOOST_CHECK_THROW(both.lines.listen("127.0.0.1:0"), std::logic_error);
    BOOST_CHECK_THROW(both.lines.on_message([](auto&, bytes) {}), std::logic_error);
}

BOOST_AUTO_TEST_CASE(a_place_that_cannot_be_is_refused_when_it_is_named) {
    running_server<> host;
    BOOST_CHECK_THROW(host.server.listen(line_codec{}, "nowhere"), millipede::invalid_option);
    auto& lines = host.server.listen(line_codec{}, "127.0.0.1:0");
    BOOST_CHECK_THROW(lines.listen("unix:"), millipede::invalid_option);
    host.start();
    BOOST_TEST(host.server.endpoints().size() == 2U);
}

BOOST_AUTO_TEST_CASE(there_are_as_many_codecs_as_a_record_can_name) {
    running_server<> host;
    std::vector<millipede::service<millipede::no_session, line_codec>*> added;
    for (int count = 0; count < 255; ++count)
        added.push_back(&host.server.listen(line_codec{}, "127.0.0.1:0"));
    BOOST_CHECK_THROW(host.server.listen(line_codec{}, "127.0.0.1:0"), std::length_error);
    added.back()->on_message([](auto& connection, bytes) { connection.send("the last"s); });
    host.start();
    test::raw_client client{host.server.endpoints().at(255)};
    client.send("\n");
    BOOST_TEST(client.read(9) == "the last\n");
}

BOOST_AUTO_TEST_SUITE_END()
