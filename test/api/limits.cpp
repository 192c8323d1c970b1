// SPDX-License-Identifier: BSL-1.0
// What a peer may not do: keep a message waiting for its rest, or send more than its rate allows.
#include "support/printing.hpp"
#include "support/running_server.hpp"

#include <boost/test/unit_test.hpp>

#include <atomic>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

BOOST_AUTO_TEST_SUITE(limits)

namespace {

using namespace std::chrono_literals;
using clock_type = std::chrono::steady_clock;
using millipede::close_reason;
using millipede::errc;
using millipede::error_code;
using millipede::rate_policy;
using test::eventually;
using test::quiet_options;
using test::raw_client;
using test::recorded;
using test::with_both_transports;

constexpr std::uint16_t echo = 1;
constexpr std::uint16_t halt = 2; // handles nothing more

struct host_type : test::running_server<> {
    explicit host_type(millipede::options wanted) : running_server{std::move(wanted)} {
        server.on(echo, [](auto& connection, auto const& message) { connection.send(message); });
        server.on(halt, [](auto& connection, auto const&) { connection.pause_receiving(); });
        server.on_open([this](auto& connection) {
            if (pauses_newcomers) connection.pause_receiving();
            ids.add(connection.id());
        });
        server.on_close([this](auto&, error_code const& reason) { reasons.add(reason); });
    }
    ~host_type() { stop(); }

    bool pauses_newcomers = false;
    recorded<millipede::connection_id> ids;
    recorded<error_code> reasons;
};

std::string echoes(int count, std::size_t data_size = 4) {
    std::string all;
    for (int number = 0; number < count; ++number)
        all += test::frame(echo, test::number(static_cast<std::uint32_t>(number)) +
                                     std::string(data_size - 4, 'x'));
    return all;
}

// Sends byte by byte, with pauses, until the server has had enough. How long that took, from
// `begin` on.
clock_type::duration drip(raw_client& client, std::string const& bytes,
                          clock_type::time_point begin) {
    for (char byte : bytes)
        if (!client.send({&byte, 1}) || client.readable(20ms)) break;
    return clock_type::now() - begin;
}

} // namespace

BOOST_AUTO_TEST_CASE(first_message_timeout) {
    with_both_transports([](auto kind) {
        auto wanted = quiet_options(kind);
        wanted.first_message_timeout = 400ms;
        wanted.idle_timeout = 0ms;
        host_type host{wanted};
        host.start();
        auto begin = clock_type::now();
        auto talking = host.connect();
        talking.send(echoes(1));
        BOOST_TEST((talking.read_frame() == echoes(1)));
        auto silent = host.connect();
        auto slow = host.connect();
        auto lasted = drip(slow, echoes(1, 2'000), begin);
        BOOST_TEST((lasted >= 400ms));
        BOOST_TEST((lasted < 2'000 * 20ms)); // a byte now and then does not put it off
        BOOST_TEST(silent.read_to_end().clean);
        BOOST_REQUIRE(host.reasons.wait_for(2));
        BOOST_TEST((clock_type::now() - begin >= 400ms));
        for (std::size_t index : {0U, 1U}) {
            BOOST_TEST(host.reasons.at(index) == errc::first_message_timeout);
            BOOST_TEST(host.reasons.at(index) == close_reason::timeout);
        }
        talking.send(echoes(1)); // who has once sent a message is not asked again
        BOOST_TEST((talking.read_frame() == echoes(1)));
        auto sums = host.server.metrics();
        BOOST_TEST(sums.first_message_timeouts == 2U);
        BOOST_TEST(sums.timeouts == 2U);
        BOOST_TEST(sums.message_timeouts == 0U);
    });
}

BOOST_AUTO_TEST_CASE(after_the_first_message_the_idle_timeout_runs) {
    with_both_transports([](auto kind) {
        auto wanted = quiet_options(kind);
        wanted.first_message_timeout = 200ms;
        wanted.idle_timeout = 600ms;
        host_type host{wanted};
        host.start();
        auto client = host.connect();
        auto begin = clock_type::now();
        client.send(echoes(1));
        BOOST_TEST((client.read_frame() == echoes(1)));
        BOOST_TEST(client.read_to_end().clean);
        BOOST_TEST((clock_type::now() - begin >= 600ms));
        BOOST_REQUIRE(host.reasons.wait_for(1));
        BOOST_TEST(host.reasons.at(0) == errc::idle_timeout);
        BOOST_TEST(host.server.metrics().first_message_timeouts == 0U);
    });
}

BOOST_AUTO_TEST_CASE(message_timeout) {
    with_both_transports([](auto kind) {
        auto wanted = quiet_options(kind);
        wanted.message_timeout = 400ms;
        wanted.idle_timeout = 1min; // longer than all that is sent
        host_type host{wanted};
        host.start();
        auto silent = host.connect(); // has begun nothing
        auto slow = host.connect();
        slow.send(echoes(1));
        BOOST_TEST((slow.read_frame() == echoes(1)));
        auto lasted = drip(slow, echoes(1, 2'000), clock_type::now());
        BOOST_TEST((lasted >= 400ms));
        BOOST_TEST((lasted < 2'000 * 20ms));
        BOOST_REQUIRE(host.reasons.wait_for(1));
        BOOST_TEST(host.reasons.at(0) == errc::message_timeout);
        BOOST_TEST(host.reasons.at(0) == close_reason::timeout);
        BOOST_TEST(!silent.readable(0ms));
        BOOST_TEST(host.server.metrics().message_timeouts == 1U);
        BOOST_TEST(host.server.metrics().timeouts == 1U);
    });
}

// Whenever one looks, a message of this peer is incomplete; but it is a new one each time.
BOOST_AUTO_TEST_CASE(message_timeout_is_about_one_message) {
    with_both_transports([](auto kind) {
        auto wanted = quiet_options(kind);
        wanted.message_timeout = 1s;
        wanted.first_message_timeout = 1s;
        host_type host{wanted};
        host.start();
        auto client = host.connect();
        auto const one = echoes(1);
        client.send(one.substr(0, 5));
        auto begin = clock_type::now();
        while (clock_type::now() - begin < 2'200ms) {
            client.send(one.substr(5) + one.substr(0, 5));
            BOOST_REQUIRE((client.read_frame() == one));
            std::this_thread::sleep_for(50ms);
        }
        BOOST_TEST(host.reasons.size() == 0U);
        BOOST_TEST(client.read_to_end().bytes.empty()); // now it stays away with the rest
        BOOST_REQUIRE(host.reasons.wait_for(1));
        BOOST_TEST(host.reasons.at(0) == errc::message_timeout);
    });
}

BOOST_AUTO_TEST_CASE(time_in_which_the_server_does_not_read_is_not_the_peers) {
    with_both_transports([](auto kind) {
        auto wanted = quiet_options(kind);
        wanted.message_timeout = 200ms;
        wanted.first_message_timeout = 200ms;
        host_type host{wanted};
        host.pauses_newcomers = true;
        host.start();
        auto newcomer = host.connect();
        newcomer.send(echoes(1) + test::frame(halt) + echoes(2).substr(0, 20));
        BOOST_REQUIRE(host.ids.wait_for(1));
        std::this_thread::sleep_for(450ms); // the passing of time is what is tested
        BOOST_TEST(host.reasons.size() == 0U);
        auto resume = [](auto& connection) { connection.resume_receiving(); };
        BOOST_TEST(!host.server.post(host.ids.at(0), resume));
        BOOST_TEST((newcomer.read_frame() == echoes(1)));
        std::this_thread::sleep_for(450ms); // paused, with whole messages and a part of one
        BOOST_TEST(host.reasons.size() == 0U);
        BOOST_TEST(!host.server.post(host.ids.at(0), resume));
        auto got = newcomer.read_to_end();
        BOOST_TEST((got.bytes == echoes(1)));
        BOOST_REQUIRE(host.reasons.wait_for(1));
        BOOST_TEST(host.reasons.at(0) == errc::message_timeout);
    });
}

BOOST_AUTO_TEST_CASE(who_is_too_slow_is_told) {
    with_both_transports([](auto kind) {
        auto wanted = quiet_options(kind);
        wanted.message_timeout = 300ms;
        wanted.first_message_timeout = 600ms;
        wanted.idle_timeout = 1min;
        host_type host{wanted};
        recorded<error_code> told;
        host.server.on_message_timeout([&](auto& connection, error_code const& reason) {
            told.add(reason);
            connection.send(echo, millipede::as_bytes("too late"));
        });
        host.start();
        auto const goodbye = test::frame(echo, "too late");
        auto slow = host.connect();
        slow.send(echoes(1));
        BOOST_TEST((slow.read_frame() == echoes(1)));
        slow.send(echoes(1).substr(0, 9));
        BOOST_TEST((slow.read_frame() == goodbye));
        slow.send(echoes(100)); // is thrown away, and does not destroy what was said
        BOOST_TEST(slow.read_to_end().clean);
        auto silent = host.connect();
        auto got = silent.read_to_end();
        BOOST_TEST((got.bytes == goodbye));
        BOOST_TEST(got.clean);
        BOOST_REQUIRE(host.reasons.wait_for(2));
        for (std::size_t index : {0U, 1U}) {
            auto reason = index == 0 ? errc::message_timeout : errc::first_message_timeout;
            BOOST_TEST(told.at(index) == reason);
            BOOST_TEST(host.reasons.at(index) == reason);
        }
        BOOST_TEST(told.size() == 2U);
        BOOST_TEST(host.server.metrics().timeouts == 2U);
        BOOST_TEST(host.server.metrics().messages_received == 1U);
    });
}

BOOST_AUTO_TEST_CASE(who_is_told_may_be_given_another_reason_or_none) {
    with_both_transports([](auto kind) {
        auto wanted = quiet_options(kind);
        wanted.message_timeout = 200ms;
        wanted.idle_timeout = 1min;
        host_type host{wanted};
        std::atomic<int> calls{0};
        host.server.on_message_timeout([&](auto& connection, error_code const&) {
            if (calls++ > 0) throw std::runtime_error{"no words"};
            connection.send(echo, millipede::as_bytes("go"));
            connection.close(errc::too_fast);
        });
        BOOST_CHECK_NO_THROW(host.start());
        BOOST_CHECK_THROW(host.server.on_message_timeout([](auto&, error_code const&) {}),
                          std::logic_error);
        for (auto const& last_words : {test::frame(echo, "go"), std::string{}}) {
            auto slow = host.connect();
            slow.send(echoes(1).substr(0, 9));
            auto got = slow.read_to_end();
            BOOST_TEST((got.bytes == last_words));
            BOOST_TEST(got.clean);
        }
        BOOST_REQUIRE(host.reasons.wait_for(2));
        BOOST_TEST(host.reasons.at(0) == errc::too_fast);
        BOOST_TEST(host.reasons.at(1) == errc::handler_failed);
        BOOST_TEST(host.server.metrics().message_timeouts == 2U);
    });
}

BOOST_AUTO_TEST_CASE(messages_per_second_make_the_peer_wait) {
    with_both_transports([](auto kind) {
        auto wanted = quiet_options(kind);
        wanted.messages_per_second = 100;
        wanted.messages_burst = 10;
        wanted.idle_timeout = 300ms; // does not come while it waits
        host_type host{wanted};
        host.start();
        auto client = host.connect();
        auto other = host.connect();
        auto begin = clock_type::now();
        BOOST_TEST(client.send(echoes(60)));
        BOOST_TEST((client.read(60 * 12) == echoes(60)));
        BOOST_TEST((clock_type::now() - begin >= 49 * 10ms)); // ten at once, one every 10 ms
        BOOST_TEST(host.server.metrics().rate_pauses > 0U);
        BOOST_TEST(host.server.metrics().too_fast == 0U);
        BOOST_TEST(host.server.metrics().closed_by_peer == 0U);
        BOOST_TEST(client.read_to_end().clean); // idle at last
        other.close();
        BOOST_REQUIRE(host.reasons.wait_for(2));
    });
}

BOOST_AUTO_TEST_CASE(a_peer_within_its_rate_is_not_made_to_wait) {
    with_both_transports([](auto kind) {
        auto wanted = quiet_options(kind);
        wanted.messages_per_second = 1'000;
        wanted.bytes_per_second = 100'000;
        host_type host{wanted};
        host.start();
        auto client = host.connect();
        for (int times = 0; times < 100; ++times) {
            client.send(echoes(3));
            BOOST_REQUIRE((client.read(3 * 12) == echoes(3)));
        }
        BOOST_TEST(host.server.metrics().rate_pauses == 0U);
    });
}

BOOST_AUTO_TEST_CASE(messages_per_second_close_who_sends_more) {
    with_both_transports([](auto kind) {
        auto wanted = quiet_options(kind);
        wanted.messages_per_second = 2;
        wanted.messages_burst = 10;
        wanted.over_rate = rate_policy::close;
        host_type host{wanted};
        host.start();
        auto modest = host.connect();
        BOOST_TEST(modest.send(echoes(10)));
        BOOST_TEST((modest.read(10 * 12) == echoes(10)));
        auto client = host.connect();
        BOOST_TEST(client.send(echoes(100)));
        auto got = client.read_to_end();
        BOOST_TEST(got.clean);
        BOOST_TEST((got.bytes == echoes(100).substr(0, got.bytes.size()))); // no torn message
        BOOST_TEST(got.bytes.size() % 12 == 0U);
        BOOST_TEST(got.bytes.size() >= 10U * 12);
        BOOST_REQUIRE(host.reasons.wait_for(1));
        BOOST_TEST(host.reasons.at(0) == errc::too_fast);
        BOOST_TEST(host.reasons.at(0) == close_reason::refused);
        BOOST_TEST(host.server.metrics().too_fast == 1U);
        BOOST_TEST(host.server.metrics().refused_frames == 1U);
        BOOST_TEST(!modest.readable(0ms));
    });
}

BOOST_AUTO_TEST_CASE(bytes_per_second_make_the_peer_wait) {
    with_both_transports([](auto kind) {
        auto wanted = quiet_options(kind);
        wanted.bytes_per_second = 100'000;
        wanted.bytes_burst = 10'000;
        wanted.message_timeout = 300ms; // shorter than the whole takes, longer than one message
        host_type host{wanted};
        host.start();
        auto client = host.connect();
        auto const sent = echoes(50, 2'000);
        auto begin = clock_type::now();
        std::thread sender{[&] { client.send(sent); }};
        auto got = client.read(sent.size());
        sender.join();
        BOOST_TEST((got == sent));
        // Up to two bursts at once: the bucket, and one read that brings it into debt.
        BOOST_TEST((clock_type::now() - begin >= 750ms));
        BOOST_TEST(host.server.metrics().rate_pauses > 0U);
        BOOST_TEST(host.reasons.size() == 0U);
    });
}

BOOST_AUTO_TEST_CASE(bytes_per_second_close_who_sends_more) {
    with_both_transports([](auto kind) {
        auto wanted = quiet_options(kind);
        wanted.bytes_per_second = 1'024;
        wanted.bytes_burst = 2'048;
        wanted.over_rate = rate_policy::close;
        host_type host{wanted};
        host.start();
        auto client = host.connect();
        BOOST_TEST(client.send(echoes(1, 1'000)));
        BOOST_TEST((client.read_frame() == echoes(1, 1'000)));
        client.send(echoes(10, 2'000));
        client.read_to_end();
        BOOST_REQUIRE(host.reasons.wait_for(1));
        BOOST_TEST(host.reasons.at(0) == errc::too_fast);
        BOOST_TEST(host.server.metrics().too_fast == 1U);
    });
}

BOOST_AUTO_TEST_CASE(who_hangs_up_while_it_waits_gets_all_its_answers) {
    with_both_transports([](auto kind) {
        auto wanted = quiet_options(kind);
        wanted.messages_per_second = 200;
        wanted.messages_burst = 5;
        host_type host{wanted};
        host.start();
        auto client = host.connect();
        client.send(echoes(60));
        client.end_output();
        auto got = client.read_to_end();
        BOOST_TEST(got.clean);
        BOOST_TEST((got.bytes == echoes(60)));
        BOOST_REQUIRE(host.reasons.wait_for(1));
        BOOST_TEST(host.reasons.at(0) == errc::closed_by_peer);
    });
}

BOOST_AUTO_TEST_CASE(a_pause_of_the_handler_and_one_of_the_rate_do_not_lift_each_other) {
    with_both_transports([](auto kind) {
        auto wanted = quiet_options(kind);
        wanted.messages_per_second = 100;
        wanted.messages_burst = 2;
        host_type host{wanted};
        host.start();
        auto client = host.connect();
        client.send(echoes(1) + test::frame(halt) + echoes(3)); // over the rate with the pause
        BOOST_TEST((client.read_frame() == echoes(1)));
        BOOST_TEST(!client.readable(200ms)); // the rate is no reason any more
        BOOST_TEST(!host.server.post(host.ids.at(0),
                                     [](auto& connection) { connection.resume_receiving(); }));
        BOOST_TEST((client.read(3 * 12) == echoes(3)));
    });
}

// What it has sent lies partly in the worker, partly in the kernel: more than one read of it.
BOOST_AUTO_TEST_CASE(a_server_that_stops_answers_peers_that_wait_for_their_rate) {
    auto const all = echoes(2'000);
    with_both_transports([&](auto kind) {
        auto by_messages = quiet_options(kind);
        by_messages.messages_per_second = 1;
        by_messages.messages_burst = 3;
        auto by_bytes = quiet_options(kind);
        by_bytes.bytes_per_second = 1'024;
        for (auto const& wanted : {by_messages, by_bytes}) {
            host_type host{wanted};
            host.start();
            auto client = host.connect();
            client.send(all);
            BOOST_TEST((client.read(3 * 12) == echoes(3)));
            BOOST_TEST(eventually([&] { return host.server.metrics().rate_pauses >= 1; }));
            host.server.drain(20s, 0ms);
            auto got = client.read_to_end();
            BOOST_TEST(got.clean);
            BOOST_TEST((got.bytes == all.substr(3 * 12)));
            client.close();
            host.join();
            BOOST_REQUIRE(host.reasons.size() == 1U);
            BOOST_TEST(host.reasons.at(0) == errc::stopping);
            BOOST_TEST(host.server.drained().cut == 0U);
            BOOST_TEST(!host.failed);
        }
    });
}

BOOST_AUTO_TEST_CASE(until_its_turn_to_end_comes_a_peer_keeps_to_its_rate) {
    auto wanted = test::clients_stay();
    wanted.messages_per_second = 1;
    wanted.messages_burst = 3;
    host_type host{wanted};
    host.start();
    std::vector<raw_client> clients;
    for (int times = 0; times < 2; ++times) {
        clients.push_back(host.connect());
        BOOST_REQUIRE(host.ids.wait_for(clients.size()));
    }
    host.server.drain(1h, 30min); // the first or none has its turn while we look
    auto& last = clients.back();
    auto begin = clock_type::now();
    last.send(echoes(100));
    BOOST_TEST((last.read(3 * 12) == echoes(3)));
    std::this_thread::sleep_for(200ms);
    auto handled = host.server.metrics().messages_received;
    auto seconds = std::chrono::duration<double>(clock_type::now() - begin).count();
    BOOST_TEST(static_cast<double>(handled) <= 4 + seconds);
    host.stop();
    BOOST_TEST((last.read_to_end().bytes.size() % 12 == 0U));
}

BOOST_AUTO_TEST_SUITE_END()
