// SPDX-License-Identifier: BSL-1.0
// Silent peers are asked whether they are there.
#include "support/printing.hpp"
#include "support/running_server.hpp"

#include <millipede/wire/line.hpp>

#include <boost/test/unit_test.hpp>

#include <atomic>
#include <string>
#include <string_view>
#include <thread>

BOOST_AUTO_TEST_SUITE(heartbeat)

namespace {

using namespace std::chrono_literals;
using clock_type = std::chrono::steady_clock;
using millipede::decode_result;
using millipede::errc;
using millipede::error_code;
using millipede::invalid_option;
using test::eventually;
using test::quiet_options;
using test::recorded;
using test::with_both_transports;

constexpr std::uint16_t echo = 1;

millipede::options with_heartbeat(millipede::options wanted) {
    wanted = test::clients_stay(std::move(wanted));
    wanted.heartbeat_interval = 200ms;
    wanted.idle_timeout = 1'200ms; // enough time to answer on a busy machine
    return wanted;
}

struct host_type : test::running_server<> {
    explicit host_type(millipede::options wanted) : running_server{std::move(wanted)} {
        server.on(echo, [](auto& connection, auto const& message) { connection.send(message); });
        server.on_open([this](auto& connection) { ids.add(connection.id()); });
        server.on_close([this](auto&, error_code const& reason) { reasons.add(reason); });
    }
    ~host_type() { stop(); }

    recorded<millipede::connection_id> ids;
    recorded<error_code> reasons;
};

std::string const question = test::frame(0x6103);

// Messages of one byte each, without commands.
struct byte_codec {
    using message_type = std::byte;
    decode_result decode(std::span<std::byte const> input, std::byte& result) const {
        if (input.empty()) return decode_result::incomplete(1);
        result = input[0];
        return decode_result::complete(1);
    }
    template <class Sink>
    void encode(std::byte const& value, Sink& sink) const {
        sink.append(std::span{&value, 1});
    }
    std::size_t size_max() const { return 1; }
};

} // namespace

BOOST_AUTO_TEST_CASE(who_answers_stays_and_who_does_not_is_closed) {
    with_both_transports([](auto kind) {
        host_type host{with_heartbeat(quiet_options(kind))};
        host.start();
        auto begin = clock_type::now();
        auto answering = host.connect();
        auto dead = host.connect();
        for (int times = 0; times < 7; ++times) { // more than the idle timeout in all
            BOOST_TEST((answering.read_frame() == question));
            answering.send(times % 2 ? question : test::frame(echo)); // any byte is an answer
            if (times % 2 == 0) BOOST_TEST((answering.read_frame() == test::frame(echo)));
        }
        BOOST_TEST((clock_type::now() - begin >= 1'400ms)); // each after a silence
        auto last = dead.read_to_end();
        BOOST_TEST((last.bytes == question)); // once for all of its silence
        BOOST_REQUIRE(host.reasons.wait_for(1));
        BOOST_TEST((clock_type::now() - begin >= 1'200ms));
        BOOST_TEST(host.reasons.at(0) == errc::idle_timeout);
        answering.send(test::frame(echo));
        std::string reply;
        do {
            reply = answering.read_frame();
        } while (reply == question);
        BOOST_TEST((reply == test::frame(echo)));
        BOOST_TEST(host.reasons.size() == 1U);
        BOOST_TEST(host.server.metrics().heartbeats >= 8U);
    });
}

BOOST_AUTO_TEST_CASE(who_talks_is_not_asked) {
    host_type host{with_heartbeat(quiet_options())};
    host.start();
    bool in_time = true; // a machine that is busy may make us silent
    auto last = clock_type::now();
    auto client = host.connect();
    for (int times = 0; times < 50; ++times) {
        in_time = in_time && clock_type::now() - last < 90ms;
        last = clock_type::now();
        client.send(test::frame(echo));
        auto reply = client.read_frame();
        if (reply == question) reply = client.read_frame();
        BOOST_REQUIRE((reply == test::frame(echo)));
        std::this_thread::sleep_for(10ms);
    }
    if (in_time) BOOST_TEST(host.server.metrics().heartbeats == 0U);
}

BOOST_AUTO_TEST_CASE(without_it_nobody_is_asked_and_the_command_is_nobodys) {
    auto wanted = with_heartbeat(quiet_options());
    wanted.heartbeat_interval = 0ms;
    wanted.idle_timeout = 500ms;
    host_type host{wanted};
    host.start();
    auto silent = host.connect();
    auto other = host.connect();
    other.send(question);
    BOOST_TEST((silent.read_to_end().bytes == ""));
    BOOST_TEST((other.read_to_end().bytes == ""));
    BOOST_REQUIRE(host.reasons.wait_for(2));
    BOOST_TEST(host.reasons.at(0) == errc::unknown_command);
    BOOST_TEST(host.reasons.at(1) == errc::idle_timeout);
    BOOST_TEST(host.server.metrics().heartbeats == 0U);
}

BOOST_AUTO_TEST_CASE(the_question_may_be_another_one) {
    test::running_server<> host{with_heartbeat(quiet_options())};
    auto other = test::frame(9, "alive?");
    host.server.set_heartbeat(millipede::payload{test::bytes_of(other)});
    host.start();
    BOOST_CHECK_THROW(host.server.set_heartbeat(millipede::payload{}), std::logic_error);
    auto client = host.connect();
    BOOST_TEST((client.read_frame() == other));
}

BOOST_AUTO_TEST_CASE(without_commands_there_has_to_be_a_question) {
    millipede::server<millipede::no_session, byte_codec> server{with_heartbeat(quiet_options())};
    BOOST_CHECK_EXCEPTION(server.start(), invalid_option, [](invalid_option const& refusal) {
        return refusal.option() == "heartbeat_interval";
    });
    server.set_heartbeat(std::byte{'?'});
    server.start();
    test::raw_client client{server.endpoints().at(0)};
    std::thread running{[&] { server.run(); }};
    BOOST_TEST(client.read(1) == "?");
    server.stop();
    running.join();
}

// Its output is full, so no question would reach it; when it reads again its silence counts anew.
BOOST_AUTO_TEST_CASE(who_takes_no_output_is_asked_when_it_does_again) {
    with_both_transports([](auto kind) {
        auto wanted = with_heartbeat(quiet_options(kind));
        wanted.output_max_bytes = 64 * 1024 * 1024;
        host_type host{wanted};
        host.start();
        auto client = host.connect(4'096);
        BOOST_REQUIRE(host.ids.wait_for(1));
        std::string const large = test::frame(7, std::string(60'000, 'x'));
        int const count = 300;
        for (int times = 0; times < count; ++times)
            host.server.send(host.ids.at(0), millipede::payload{test::bytes_of(large)});
        std::atomic<bool> all_sent{false}; // far more than the system's buffers hold
        host.server.post(host.ids.at(0), [&](auto&) { all_sent = true; });
        BOOST_REQUIRE(
            eventually([&] { return all_sent && host.server.metrics().writes_blocked != 0; }));
        auto asked = host.server.metrics().heartbeats;
        std::this_thread::sleep_for(600ms);
        BOOST_TEST(host.server.metrics().heartbeats == asked);
        for (int times = 0; times < count; ++times)
            while (client.read_frame() != large) {
            }
        BOOST_TEST((client.read_frame() == question));
    });
}

// At each endpoint in what is spoken there.
BOOST_AUTO_TEST_CASE(services_ask_in_their_own_words) {
    auto wanted = with_heartbeat(quiet_options());
    host_type host{wanted};
    auto& frames = host.server.listen(millipede::frame_codec{}, "127.0.0.1:0");
    frames.on_close([&](auto&, error_code const& reason) { host.reasons.add(reason); });
    auto& lines = host.server.listen(millipede::line_codec{}, "127.0.0.1:0");
    lines.on_message([](auto&, auto) {});
    lines.on_close([&](auto&, error_code const& reason) { host.reasons.add(reason); });
    lines.set_heartbeat(std::string_view{"still there?"});
    host.start();
    auto const& endpoints = host.server.endpoints();
    test::raw_client framed{endpoints.at(1)};
    test::raw_client lined{endpoints.at(2)};
    BOOST_TEST((framed.read_frame() == question));
    framed.send(question); // is taken without a handler
    BOOST_TEST((framed.read_frame() == question));
    std::string const asked = "still there?\n";
    BOOST_TEST(lined.read(asked.size()) == asked);
    lined.send("yes\n");
    BOOST_TEST(lined.read(asked.size()) == asked);
    BOOST_TEST(host.reasons.size() == 0U);
}

BOOST_AUTO_TEST_CASE(a_service_without_a_question_is_refused_at_the_start) {
    host_type host{with_heartbeat(quiet_options())};
    auto& lines = host.server.listen(millipede::line_codec{}, "127.0.0.1:0");
    lines.on_message([](auto&, auto) {});
    BOOST_CHECK_THROW(host.server.start(), invalid_option);
    lines.set_heartbeat(std::string_view{"?"});
    host.start();
}

BOOST_AUTO_TEST_SUITE_END()
