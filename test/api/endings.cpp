// SPDX-License-Identifier: BSL-1.0
// How connections end: on_close once, with the right reason, and the peer learns of it properly.
#include "support/printing.hpp"
#include "support/running_server.hpp"

#include <boost/test/unit_test.hpp>

#include <atomic>
#include <functional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

BOOST_AUTO_TEST_SUITE(endings)

namespace {

using namespace std::chrono_literals;
using millipede::close_reason;
using millipede::errc;
using millipede::error_code;
using millipede::frame;
using test::eventually;
using test::quiet_options;
using test::raw_client;
using test::recorded;
using test::with_both_transports;

constexpr std::uint16_t echo = 1;
constexpr std::uint16_t leave = 2;
constexpr std::uint16_t throw_standard = 3;
constexpr std::uint16_t throw_number = 4;
constexpr std::uint16_t flood = 5;
constexpr std::uint16_t enlarge = 6; // answers 20 bytes with 50,000

// A server with a handler for every way to end.
struct host_type : test::running_server<> {
    using connection_type = millipede::server<>::connection_type;

    explicit host_type(millipede::options wanted) : running_server{std::move(wanted)} {
        server.on(echo, [](auto& connection, frame const& message) { connection.send(message); });
        server.on(leave, [](auto& connection, frame const& message) {
            connection.send(message);
            connection.close();
        });
        server.on(throw_standard, [](auto& connection, frame const& message) {
            connection.send(message);
            throw std::runtime_error{"as asked"};
        });
        server.on(throw_number, [](auto& connection, frame const& message) {
            connection.send(message);
            throw 7;
        });
        server.on(flood, [](auto& connection, frame const&) {
            auto message = test::frame(echo, std::string(60'000, 'x'));
            for (int times = 0; times < 1'000; ++times)
                if (!connection.send(millipede::payload{test::bytes_of(message)})) return;
        });
        server.on(enlarge, [](auto& connection, frame const& message) {
            auto data = test::text_of(message.data()) + std::string(49'980, 'x');
            connection.send_bytes(test::bytes_of(test::frame(enlarge, data)));
        });
        server.on_open([this](auto& connection) {
            if (on_open) on_open(connection);
        });
        server.on_close([this](auto& connection, error_code const& reason) {
            reasons.add(reason);
            if (on_close) on_close(connection);
        });
    }
    ~host_type() { stop(); }

    // Waits for the end of everything, so that a second on_close would be seen.
    error_code only_ending() {
        BOOST_REQUIRE(reasons.wait_for(1));
        BOOST_TEST(eventually([&] { return server.metrics().released == 1; }));
        BOOST_TEST(reasons.size() == 1U);
        return reasons.at(0);
    }

    std::function<void(connection_type&)> on_open;
    std::function<void(connection_type&)> on_close;
    recorded<error_code> reasons;
};

} // namespace

BOOST_AUTO_TEST_CASE(closed_by_peer) {
    with_both_transports([](auto kind) {
        host_type host{quiet_options(kind)};
        host.start();
        auto client = host.connect();
        client.send(test::frame(echo));
        client.read_frame();
        client.close();
        BOOST_TEST(host.only_ending() == errc::closed_by_peer);
        BOOST_TEST(host.server.metrics().closed_by_peer == 1U);
    });
}

BOOST_AUTO_TEST_CASE(closed_by_peer_in_the_middle_of_a_frame) {
    with_both_transports([](auto kind) {
        host_type host{quiet_options(kind)};
        host.start();
        auto client = host.connect();
        client.send(test::frame(echo, "whole") + test::frame(echo, "half").substr(0, 10));
        client.end_output();
        auto got = client.read_to_end();
        BOOST_TEST((got.bytes == test::frame(echo, "whole")));
        BOOST_TEST(got.clean);
        BOOST_TEST(host.only_ending() == errc::closed_by_peer);
    });
}

BOOST_AUTO_TEST_CASE(reset_by_peer) {
    with_both_transports([](auto kind) {
        host_type host{quiet_options(kind)};
        host.start();
        auto client = host.connect();
        client.send(test::frame(echo));
        client.read_frame();
        client.reset();
        BOOST_TEST(host.only_ending() == boost::system::errc::connection_reset);
        BOOST_TEST(host.reasons.at(0) == close_reason::error);
        BOOST_TEST(host.server.metrics().errors == 1U);
    });
}

BOOST_AUTO_TEST_CASE(a_peer_that_ends_its_output_gets_all_its_answers) {
    with_both_transports([](auto kind) {
        host_type host{quiet_options(kind)};
        host.start();
        auto client = host.connect();
        std::string requests;
        for (int times = 0; times < 500; ++times)
            requests += test::frame(echo, "half open");
        client.send(requests);
        client.end_output();
        auto got = client.read_to_end();
        BOOST_TEST((got.bytes == requests));
        BOOST_TEST(got.clean);
        BOOST_TEST(host.only_ending() == errc::closed_by_peer);
    });
}

// As above, but the answers do not fit into the kernel's buffers: reading rests meanwhile, and the
// last requests wait in the worker when the end of the stream is known already.
BOOST_AUTO_TEST_CASE(a_peer_that_ends_its_output_and_reads_late_gets_all_its_answers) {
    with_both_transports([](auto kind) {
        auto wanted = quiet_options(kind);
        wanted.output_max_bytes = 1024 * 1024;
        host_type host{wanted};
        host.start();
        auto client = host.connect(8 * 1024);
        auto request = test::frame(echo, std::string(50'000, 'x'));
        std::size_t sent = 0;
        std::string_view rest;
        // Until nothing more is taken: now replies wait everywhere.
        auto idle_since = std::chrono::steady_clock::now();
        while (std::chrono::steady_clock::now() < idle_since + 100ms && sent < 64'000'000) {
            if (rest.empty()) rest = request;
            auto taken = client.send_some(rest);
            sent += taken;
            rest.remove_prefix(taken);
            if (taken != 0) idle_since = std::chrono::steady_clock::now();
        }
        client.end_output();
        auto whole = sent / request.size() * request.size();
        std::string got;
        got.reserve(whole);
        while (got.size() < whole && client.readable(test::patience))
            got += client.read(request.size());
        BOOST_TEST(got.size() == whole);
        BOOST_TEST(client.readable(test::patience)); // the end
        BOOST_TEST(eventually([&] { return host.reasons.size() == 1; }));
        if (host.reasons.size() == 1) BOOST_TEST(host.reasons.at(0) == errc::closed_by_peer);
    });
}

// The same with many small requests in one read: most of them wait as they came.
BOOST_AUTO_TEST_CASE(requests_that_wait_for_room_are_answered_though_the_peer_has_ended) {
    static constexpr std::uint32_t count = 400; // 20 MB of answers
    with_both_transports([](auto kind) {
        host_type host{quiet_options(kind)};
        host.start();
        auto client = host.connect(8 * 1024);
        std::string requests;
        for (std::uint32_t index = 0; index < count; ++index)
            requests += test::frame(enlarge, test::number(index));
        client.send(requests);
        client.end_output();
        BOOST_TEST(eventually([&] { return host.server.metrics().writes_blocked > 0; }));
        std::uint32_t answers = 0;
        try {
            while (answers < count && client.readable(test::patience)) {
                auto answer = client.read_frame();
                BOOST_REQUIRE(test::little(answer.substr(8, 4)) == answers);
                ++answers;
            }
        } catch (std::runtime_error const&) {
        }
        BOOST_TEST(answers == count);
        BOOST_TEST(eventually([&] { return host.reasons.size() == 1; }));
        if (host.reasons.size() == 1) BOOST_TEST(host.reasons.at(0) == errc::closed_by_peer);
    });
}

BOOST_AUTO_TEST_CASE(idle_timeout) {
    with_both_transports([](auto kind) {
        auto wanted = quiet_options(kind);
        wanted.idle_timeout = 1200ms;
        host_type host{wanted};
        host.start();
        auto begin = std::chrono::steady_clock::now();
        auto silent = host.connect();
        auto talking = host.connect();
        // A byte now and then keeps a connection, even if no frame comes of it for long.
        for (char byte : test::frame(echo, "slow")) {
            talking.send({&byte, 1});
            std::this_thread::sleep_for(120ms);
        }
        BOOST_TEST((talking.read_frame() == test::frame(echo, "slow")));
        auto got = silent.read_to_end();
        BOOST_TEST((std::chrono::steady_clock::now() - begin >= 1200ms));
        BOOST_TEST(got.clean);
        BOOST_REQUIRE(host.reasons.wait_for(1));
        BOOST_TEST(host.reasons.at(0) == errc::idle_timeout);
        BOOST_TEST(host.reasons.at(0) == close_reason::timeout);
        BOOST_TEST(host.reasons.size() == 1U);
        BOOST_TEST(host.server.metrics().timeouts == 1U);
    });
}

BOOST_AUTO_TEST_CASE(write_timeout) {
    with_both_transports([](auto kind) {
        auto wanted = quiet_options(kind);
        wanted.write_timeout = 200ms;
        wanted.output_max_bytes = 100'000'000;
        wanted.buffer_budget_bytes = 100'000'000;
        host_type host{wanted};
        host.start();
        auto client = host.connect(8 * 1024);
        client.send(test::frame(flood));
        BOOST_TEST(host.only_ending() == errc::write_timeout);
        BOOST_TEST(host.reasons.at(0) == close_reason::timeout);
    });
}

BOOST_AUTO_TEST_CASE(output_full_sheds_the_connection) {
    with_both_transports([](auto kind) {
        host_type host{quiet_options(kind)};
        host.start();
        auto client = host.connect(8 * 1024);
        client.send(test::frame(flood));
        BOOST_TEST(host.only_ending() == errc::output_full);
        BOOST_TEST(host.reasons.at(0) == close_reason::shed);
        BOOST_TEST(host.server.metrics().shed == 1U);
    });
}

BOOST_AUTO_TEST_CASE(buffers_exhausted_sheds_the_connection) {
    with_both_transports([](auto kind) {
        auto wanted = quiet_options(kind);
        wanted.output_max_bytes = 100'000'000;
        wanted.buffer_budget_bytes = 200'000;
        host_type host{wanted};
        host.start();
        auto client = host.connect(8 * 1024);
        client.send(test::frame(flood));
        BOOST_TEST(host.only_ending() == errc::buffers_exhausted);
        BOOST_TEST(host.reasons.at(0) == close_reason::shed);
    });
}

BOOST_AUTO_TEST_CASE(closed_by_a_handler) {
    with_both_transports([](auto kind) {
        host_type host{quiet_options(kind)};
        host.start();
        auto client = host.connect();
        client.send(test::frame(leave, "bye"));
        auto got = client.read_to_end();
        BOOST_TEST((got.bytes == test::frame(leave, "bye")));
        BOOST_TEST(got.clean);
        client.close();
        BOOST_TEST(host.only_ending() == errc::closed_by_server);
        BOOST_TEST(host.server.metrics().closed_by_server == 1U);
    });
}

// The peer goes on sending for ever after it was told the end.
BOOST_AUTO_TEST_CASE(closed_by_a_handler_against_a_peer_that_goes_on_sending) {
    with_both_transports([](auto kind) {
        auto wanted = quiet_options(kind);
        wanted.linger_timeout = 400ms;
        host_type host{wanted};
        host.start();
        auto client = host.connect();
        client.send(test::frame(leave, "bye"));
        std::string much(1'000'000, 'x');
        for (bool sent = true; sent;)
            sent = client.send(much); // until the linger timeout
        BOOST_TEST(host.only_ending() == errc::closed_by_server);
    });
}

BOOST_AUTO_TEST_CASE(closed_by_a_posted_function) {
    with_both_transports([](auto kind) {
        recorded<millipede::connection_id> ids;
        host_type host{quiet_options(kind)};
        host.on_open = [&](auto& connection) { ids.add(connection.id()); };
        host.start();
        auto client = host.connect();
        BOOST_TEST(ids.wait_for(1));
        BOOST_TEST(!host.server.post(ids.at(0), [](auto& connection) {
            connection.send_bytes(test::bytes_of("last words"));
            connection.close(errc::bad_message);
        }));
        auto got = client.read_to_end();
        BOOST_TEST(got.bytes == "last words");
        BOOST_TEST(got.clean);
        client.close();
        BOOST_TEST(host.only_ending() == errc::bad_message);
    });
}

BOOST_AUTO_TEST_CASE(stopping) {
    with_both_transports([](auto kind) {
        host_type host{quiet_options(kind)};
        host.start();
        auto client = host.connect();
        client.send(test::frame(echo));
        client.read_frame();
        host.server.stop();
        auto got = client.read_to_end();
        BOOST_TEST(got.clean);
        client.close();
        host.join();
        BOOST_TEST(host.only_ending() == errc::stopping);
        BOOST_TEST(host.server.metrics().stopped == 1U);
    });
}

BOOST_AUTO_TEST_CASE(an_exception_in_a_handler_ends_that_connection_only) {
    with_both_transports([](auto kind) {
        host_type host{quiet_options(kind)};
        host.start();
        auto bystander = host.connect();
        std::size_t count = 0;
        for (auto command : {throw_standard, throw_number}) {
            auto client = host.connect();
            client.send(test::frame(echo) + test::frame(command) + test::frame(echo, "after"));
            auto got = client.read_to_end();
            BOOST_TEST((got.bytes == test::frame(echo) + test::frame(command)));
            BOOST_TEST(got.clean);
            BOOST_REQUIRE(host.reasons.wait_for(++count));
            BOOST_TEST(host.reasons.at(count - 1) == errc::handler_failed);
            BOOST_TEST(host.reasons.at(count - 1) == close_reason::failed);
        }
        bystander.send(test::frame(echo, "still here"));
        BOOST_TEST((bystander.read_frame() == test::frame(echo, "still here")));
        BOOST_TEST(host.server.metrics().handler_failures == 2U);
        BOOST_TEST(host.reasons.size() == 2U);
    });
}

BOOST_AUTO_TEST_CASE(an_exception_in_a_posted_function_ends_that_connection) {
    recorded<millipede::connection_id> ids;
    host_type host{quiet_options()};
    host.on_open = [&](auto& connection) { ids.add(connection.id()); };
    host.start();
    auto client = host.connect();
    BOOST_TEST(ids.wait_for(1));
    host.server.post(ids.at(0), [](auto&) { throw 7; });
    BOOST_TEST(client.read_to_end().clean);
    client.close();
    BOOST_TEST(host.only_ending() == errc::handler_failed);
}

BOOST_AUTO_TEST_CASE(an_exception_in_on_open_ends_that_connection) {
    with_both_transports([](auto kind) {
        host_type host{quiet_options(kind)};
        host.on_open = [](auto& connection) {
            connection.send_bytes(test::bytes_of("hm"));
            throw std::runtime_error{"unwelcome"};
        };
        host.start();
        auto client = host.connect();
        auto got = client.read_to_end();
        BOOST_TEST(got.bytes == "hm");
        BOOST_TEST(got.clean);
        client.close();
        BOOST_TEST(host.only_ending() == errc::handler_failed);
    });
}

BOOST_AUTO_TEST_CASE(closed_in_on_open) {
    with_both_transports([](auto kind) {
        host_type host{quiet_options(kind)};
        host.on_open = [](auto& connection) { connection.close(); };
        host.start();
        auto client = host.connect();
        BOOST_TEST(client.read_to_end().clean);
        client.close();
        BOOST_TEST(host.only_ending() == errc::closed_by_server);
    });
}

BOOST_AUTO_TEST_CASE(an_exception_in_on_close_is_contained_and_counted) {
    with_both_transports([](auto kind) {
        std::atomic<int> calls{0};
        host_type host{quiet_options(kind)};
        host.on_close = [&](auto&) {
            if (++calls % 2) throw std::runtime_error{"as asked"};
            throw 7;
        };
        host.start();
        for (int times = 0; times < 4; ++times) {
            auto client = host.connect();
            client.send(test::frame(echo));
            BOOST_TEST((client.read_frame() == test::frame(echo)));
        }
        BOOST_TEST(eventually([&] { return host.server.metrics().released == 4; }));
        BOOST_TEST(calls == 4);
        BOOST_TEST(host.server.metrics().callback_failures == 4U);
        BOOST_TEST(host.server.metrics().closed_by_peer == 4U);
    });
}

BOOST_AUTO_TEST_CASE(on_close_can_reach_others_but_not_its_own_peer) {
    with_both_transports([](auto kind) {
        recorded<millipede::connection_id> ids;
        test::expectations expect;
        host_type host{quiet_options(kind)};
        host.on_open = [&](auto& connection) { ids.add(connection.id()); };
        host.on_close = [&](auto& connection) {
            expect(!connection.send_bytes(test::bytes_of("x")));
            expect(!connection.receiving());
            if (connection.id() == ids.at(0))
                host.server.send(ids.at(1), millipede::payload{test::bytes_of("he left")});
            connection.close();           // has no effect any more
            connection.pause_receiving(); // neither
            connection.resume_receiving();
        };
        host.start();
        auto first = host.connect();
        BOOST_TEST(ids.wait_for(1));
        auto second = host.connect();
        BOOST_TEST(ids.wait_for(2));
        first.close();
        BOOST_TEST(second.read(7) == "he left");
        second.close();
        BOOST_TEST(host.reasons.wait_for(2));
        host.stop();
        BOOST_TEST(expect.broken() == 0);
        BOOST_TEST(host.reasons.size() == 2U);
    });
}

BOOST_AUTO_TEST_CASE(what_the_server_sends_does_not_put_off_the_idle_timeout) {
    with_both_transports([](auto kind) {
        auto wanted = quiet_options(kind);
        wanted.idle_timeout = 200ms;
        recorded<millipede::connection_id> ids;
        host_type host{wanted};
        host.on_open = [&](auto& connection) { ids.add(connection.id()); };
        host.start();
        auto client = host.connect();
        BOOST_TEST(ids.wait_for(1));
        auto end = std::chrono::steady_clock::now() + test::patience;
        while (host.reasons.size() == 0 && std::chrono::steady_clock::now() < end) {
            host.server.send(ids.at(0), millipede::payload{test::bytes_of("push")});
            std::this_thread::sleep_for(10ms);
        }
        BOOST_TEST(host.reasons.size() == 1U);
        if (host.reasons.size() == 1) BOOST_TEST(host.reasons.at(0) == errc::idle_timeout);
    });
}

// What was sent goes out whatever the reason that the handler gives, a code of its own or none.
BOOST_AUTO_TEST_CASE(a_handlers_own_reason_does_not_cut_its_output) {
    error_code own{17, boost::system::generic_category()};
    auto limits = quiet_options();
    limits.output_max_bytes = 16 * 1024 * 1024;
    for (auto const& reason : {own, error_code{}}) {
        host_type host{limits};
        host.server.on(7, [&](auto& connection, frame const&) {
            auto message = test::frame(echo, std::string(60'000, 'x'));
            for (int times = 0; times < 100; ++times)
                connection.send_bytes(test::bytes_of(message));
            connection.close(reason);
        });
        host.start();
        auto client = host.connect();
        client.send(test::frame(7) + test::frame(echo, "not handled any more"));
        std::this_thread::sleep_for(100ms); // the output fills the socket meanwhile
        for (int times = 0; times < 100; ++times)
            BOOST_REQUIRE(client.read_frame().size() == 60'008U);
        client.close();
        BOOST_TEST(host.only_ending() == (reason.failed() ? own : errc::closed_by_server));
        BOOST_TEST(host.server.metrics().closed_by_server == 1U);
        BOOST_TEST(host.server.metrics().errors == 0U);
    }
}

// Empty messages are nothing to send, and hold nothing.
BOOST_AUTO_TEST_CASE(empty_messages_use_up_no_budget) {
    auto limits = quiet_options();
    limits.buffer_budget_bytes = 64 * 1024;
    host_type host{limits};
    recorded<millipede::connection_id> ids;
    host.on_open = [&](auto& connection) { ids.add(connection.id()); };
    host.start();
    auto client = host.connect();
    BOOST_REQUIRE(ids.wait_for(1));
    for (int times = 0; times < 2'000; ++times)
        BOOST_TEST(!host.server.send(ids.at(0), millipede::payload{}));
    client.send(test::frame(echo, "still here"));
    BOOST_TEST(client.read_frame() == test::frame(echo, "still here"));
    BOOST_TEST(host.server.metrics().shed == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
