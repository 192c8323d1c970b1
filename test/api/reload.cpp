// SPDX-License-Identifier: BSL-1.0
// Other options for a server that runs: what it takes up holds for those who are there and for
// newcomers, the rest is told and left as it was, and nobody loses a byte by it.
#include "support/captured_log.hpp"
#include "support/printing.hpp"
#include "support/running_server.hpp"

#include <boost/asio/post.hpp>
#include <boost/test/unit_test.hpp>

#include <atomic>
#include <cstddef>
#include <exception>
#include <functional>
#include <future>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

BOOST_AUTO_TEST_SUITE(reload)

namespace {

using namespace std::chrono_literals;
using millipede::connection_id;
using millipede::errc;
using millipede::error_code;
using millipede::options;
using millipede::overflow_policy;
using millipede::rate_policy;
using millipede::reload_report;
using test::clients_stay;
using test::eventually;
using test::quiet_options;
using test::raw_client;
using test::recorded;
using test::with_both_transports;

constexpr std::uint16_t echo = 1;
constexpr std::uint16_t hold = 2; // holds the worker until it is let go

struct host_type : test::running_server<> {
    explicit host_type(options wanted) : running_server{std::move(wanted)} {
        server.on(echo, [](auto& connection, auto const& message) { connection.send(message); });
        server.on(hold, [this](auto&, auto const&) {
            held = true;
            while (held)
                std::this_thread::sleep_for(1ms);
        });
        server.on_open([this](auto& connection) { ids.add(connection.id()); });
        server.on_close([this](auto&, error_code const& reason) { reasons.add(reason); });
        start();
    }
    ~host_type() {
        held = false;
        stop();
    }

    /// On the thread of `run()`. Throws what it throws there.
    reload_report reload(options wanted) {
        std::packaged_task<reload_report()> task{
            [this, wanted = std::move(wanted)] { return server.reload(wanted); }};
        auto done = task.get_future();
        boost::asio::post(server.get_executor(), [&] { task(); });
        return done.get();
    }
    /// The options in force with a change.
    reload_report change(std::function<void(options&)> const& how) {
        auto wanted = server.limits();
        how(wanted);
        return reload(wanted);
    }
    /// A client that has a connection already.
    raw_client connect_and_talk() {
        auto client = connect();
        client.send(test::frame(echo, "hello"));
        BOOST_TEST((client.read_frame() == test::frame(echo, "hello")));
        return client;
    }

    recorded<connection_id> ids;
    recorded<error_code> reasons;
    std::atomic<bool> held{false};
};

millipede::payload payload_of(std::size_t size) {
    std::vector<std::byte> bytes(size);
    return millipede::payload{bytes};
}

bool answers(raw_client& client, std::string const& text = "ping") {
    try {
        return client.send(test::frame(echo, text)) &&
               client.read_frame() == test::frame(echo, text);
    } catch (std::exception const&) {
        return false; // the stream has ended
    }
}

bool is_turned_away(raw_client client) {
    client.send(test::frame(echo, "anybody?"));
    try {
        client.read_frame();
        return false;
    } catch (std::exception const&) {
        return true;
    }
}

} // namespace

BOOST_AUTO_TEST_CASE(a_timeout_that_becomes_shorter_holds_for_all) {
    with_both_transports([](auto kind) {
        auto wanted = quiet_options(kind);
        wanted.idle_timeout = 1h;
        host_type host{wanted};
        auto present = host.connect_and_talk();
        auto report = host.change([](options& limits) { limits.idle_timeout = 300ms; });
        BOOST_TEST_REQUIRE(report.applied.size() == 1U);
        BOOST_TEST((report.applied[0] == millipede::option_change{"idle_timeout", "1h", "300ms"}));
        BOOST_TEST(report.need_restart.empty());
        BOOST_TEST((host.server.limits().idle_timeout == 300ms));
        BOOST_TEST(host.reasons.wait_for(1));
        auto newcomer = host.connect();
        BOOST_TEST(host.reasons.wait_for(2));
        for (auto const& reason : host.reasons.all())
            BOOST_TEST(reason == errc::idle_timeout);
        BOOST_TEST(present.read_to_end().clean);
        BOOST_TEST(newcomer.read_to_end().clean);
    });
}

BOOST_AUTO_TEST_CASE(a_timeout_that_becomes_longer_ends_nobody) {
    auto wanted = clients_stay();
    wanted.idle_timeout = 20s;
    wanted.message_timeout = 80ms; // ticks of 10 ms: old ages are many ticks
    host_type host{wanted};
    auto present = host.connect_and_talk();
    BOOST_TEST(!present.readable(300ms));
    host.change([](options& limits) { // ticks of 200 ms, as the linger timeout has it
        limits.idle_timeout = 5s;
        limits.message_timeout = 0ms;
    });
    BOOST_TEST(!present.readable(500ms));
    host.change([](options& limits) { limits.idle_timeout = 0ms; });
    BOOST_TEST(!present.readable(300ms));
    BOOST_TEST(answers(present));
    BOOST_TEST(host.reasons.size() == 0U);
}

BOOST_AUTO_TEST_CASE(a_held_worker_takes_up_the_last_of_several_when_it_goes_on) {
    auto wanted = quiet_options();
    wanted.idle_timeout = 1h;
    wanted.stall_after = 0ms;
    host_type host{wanted};
    auto client = host.connect_and_talk();
    client.send(test::frame(hold));
    BOOST_TEST_REQUIRE(eventually([&] { return host.held.load(); }));
    for (auto timeout : {2h, 3h, 4h})
        host.change([&](options& limits) { limits.idle_timeout = timeout; });
    host.change([](options& limits) { limits.idle_timeout = 300ms; });
    BOOST_TEST(host.reasons.size() == 0U);
    host.held = false;
    BOOST_TEST(host.reasons.wait_for(1));
}

BOOST_AUTO_TEST_CASE(what_needs_a_restart_stays_as_it_was) {
    auto wanted = quiet_options();
    wanted.workers = 2;
    host_type host{wanted};
    auto report = host.change([](options& limits) {
        limits.workers = 4;
        limits.connections_per_worker = 100;
        limits.listen = {"127.0.0.1:1"};
        limits.messages_per_second = 5;
        limits.heartbeat_interval = 1s;
        limits.write_timeout = 7s;
    });
    BOOST_TEST(report.need_restart.size() == 6U); // with the burst, which validation fills in
    BOOST_TEST_REQUIRE(report.applied.size() == 1U);
    BOOST_TEST(report.applied[0].option == "write_timeout");
    auto limits = host.server.limits();
    BOOST_TEST(limits.workers == 2U);
    BOOST_TEST(limits.connections_per_worker == 512U);
    BOOST_TEST(limits.listen.at(0).endpoint == "127.0.0.1:0");
    BOOST_TEST(limits.messages_per_second == 0U);
    BOOST_TEST((limits.write_timeout == 7s));
    auto client = host.connect();
    BOOST_TEST(answers(client));
}

BOOST_AUTO_TEST_CASE(what_was_listened_to_beside_the_options_is_no_change) {
    millipede::server<> server{quiet_options()};
    server.listen(millipede::frame_codec{}, "127.0.0.1:0");
    server.start();
    auto report = server.reload(quiet_options()); // nobody else runs it
    BOOST_TEST(report.applied.empty());
    BOOST_TEST(report.need_restart.empty());
    BOOST_TEST(server.limits().listen.size() == 2U);
}

BOOST_AUTO_TEST_CASE(options_that_cannot_work_change_nothing) {
    host_type host{quiet_options()};
    auto before = host.server.limits();
    BOOST_CHECK_EXCEPTION(host.change([](options& limits) {
        limits.write_timeout = 9s;
        limits.message_timeout = 1h; // longer than the idle timeout
    }),
                          millipede::invalid_option, [](auto const& refusal) {
                              return refusal.option() == "message_timeout";
                          });
    BOOST_TEST((host.server.limits().write_timeout == before.write_timeout));
    BOOST_TEST((host.server.limits().message_timeout == before.message_timeout));
}

BOOST_AUTO_TEST_CASE(the_order_of_life_is_kept) {
    millipede::server<> server{quiet_options()};
    BOOST_CHECK_THROW(server.reload(quiet_options()), std::logic_error);
    server.on_reload([] {});
    server.start();
    BOOST_CHECK_THROW(server.on_reload([] {}), std::logic_error);
    auto same = server.reload(quiet_options()); // before run(): the calling thread has it
    BOOST_TEST(same.applied.empty());
    BOOST_TEST(same.need_restart.empty());
}

BOOST_AUTO_TEST_CASE(limits_on_connections_in_all) {
    auto wanted = clients_stay();
    wanted.connections_max = 1;
    host_type host{wanted};
    auto first = host.connect_and_talk();
    BOOST_TEST(is_turned_away(host.connect()));
    host.change([](options& limits) { limits.connections_max = 2; });
    auto second = host.connect_and_talk();
    BOOST_TEST(is_turned_away(host.connect()));
    host.change([](options& limits) { limits.connections_max = 1; });
    BOOST_TEST(answers(first)); // who is there stays
    BOOST_TEST(answers(second));
    BOOST_TEST(is_turned_away(host.connect()));
    host.change([](options& limits) { limits.connections_max = 0; });
    auto third = host.connect();
    BOOST_TEST(answers(third));
}

BOOST_AUTO_TEST_CASE(limits_on_connections_of_one_source) {
    auto wanted = clients_stay();
    wanted.connections_per_source_max = 1;
    host_type host{wanted};
    auto first = host.connect_and_talk();
    BOOST_TEST(is_turned_away(host.connect()));
    host.change([](options& limits) { limits.connections_per_source_max = 2; });
    auto second = host.connect_and_talk();
    BOOST_TEST(is_turned_away(host.connect()));
    BOOST_TEST(host.server.metrics().newcomers_over_source_limit == 2U);
}

BOOST_AUTO_TEST_CASE(rates_of_newcomers) {
    auto wanted = clients_stay();
    wanted.accepts_per_second = 1;
    wanted.accepts_burst = 3'600; // so that an hour's debt can be made below
    wanted.accepts_per_second_per_source = 1;
    wanted.accepts_burst_per_source = 3'600;
    host_type host{wanted};
    for (int count = 0; count < 20; ++count)
        host.connect_and_talk();
    host.change([](options& limits) {
        limits.accepts_burst = 1;
        limits.accepts_burst_per_source = 3'600;
    });
    auto allowed = host.connect_and_talk(); // what came before the change is forgiven
    BOOST_TEST(eventually([&] {             // within a second of the last that was let in
        return is_turned_away(host.connect()) && host.server.metrics().newcomers_over_rate > 0;
    }));
    host.change([](options& limits) {
        limits.accepts_per_second = 0;
        limits.accepts_burst_per_source = 1;
    });
    auto other = host.connect_and_talk();
    BOOST_TEST(eventually([&] {
        return is_turned_away(host.connect()) &&
               host.server.metrics().newcomers_over_source_rate > 0;
    }));
    host.change([](options& limits) { limits.accepts_per_second_per_source = 0; });
    for (int count = 0; count < 5; ++count)
        host.connect_and_talk();
}

BOOST_AUTO_TEST_CASE(a_peer_that_waits_for_its_rate_goes_on_when_it_is_lifted) {
    with_both_transports([](auto kind) {
        auto wanted = clients_stay(quiet_options(kind));
        wanted.idle_timeout = 0ms;
        wanted.messages_per_second = 1;
        wanted.messages_burst = 1;
        host_type host{wanted};
        auto client = host.connect();
        std::string all;
        for (std::uint32_t number = 0; number < 1'000; ++number)
            all += test::frame(echo, test::number(number));
        client.send(all);
        BOOST_TEST(eventually([&] { return host.server.metrics().rate_pauses > 0; }));
        bool lift = kind == millipede::transport_kind::epoll;
        host.change([&](options& limits) {
            limits.messages_per_second = limits.messages_burst = lift ? 0 : 1'000'000;
        });
        BOOST_TEST((client.read(all.size()) == all));
    });
}

BOOST_AUTO_TEST_CASE(what_was_owed_to_the_former_rate_is_forgiven) {
    auto wanted = clients_stay();
    wanted.messages_per_second = 1;
    wanted.messages_burst = 3'600; // so that debts of many minutes can be made
    host_type host{wanted};
    auto client = host.connect();
    for (int count = 0; count < 300; ++count)
        BOOST_TEST_REQUIRE(answers(client));
    host.change([](options& limits) { limits.messages_burst = 1; });
    BOOST_TEST(answers(client));
    BOOST_TEST(answers(client)); // after a second, not after 300
}

BOOST_AUTO_TEST_CASE(a_rate_does_not_count_what_came_before_it) {
    auto wanted = clients_stay();
    wanted.bytes_per_second = 100'000'000;
    wanted.over_rate = rate_policy::close;
    host_type host{wanted};
    auto off = [](options& limits) { limits.bytes_per_second = limits.bytes_burst = 0; };
    auto strict = [](options& limits) { limits.bytes_per_second = limits.bytes_burst = 1'024; };
    host.change(off);
    auto client = host.connect();
    BOOST_TEST(answers(client, std::string(60'000, 'x')));
    host.change(strict);
    BOOST_TEST(answers(client));
    BOOST_TEST(answers(client)); // and it was not closed behind the first
    BOOST_TEST(host.reasons.size() == 0U);
    client.send(test::frame(echo, std::string(60'000, 'x')));
    BOOST_TEST(host.reasons.wait_for(1)); // and it is a limit
    BOOST_TEST(host.reasons.at(0) == errc::too_fast);
}

BOOST_AUTO_TEST_CASE(a_newcomer_whose_first_message_is_not_timed_any_more_meets_the_idle_timeout) {
    auto wanted = quiet_options();
    wanted.idle_timeout = 1h;
    wanted.first_message_timeout = 1h;
    host_type host{wanted};
    auto silent = host.connect();
    BOOST_TEST_REQUIRE(host.ids.wait_for(1));
    host.change([](options& limits) {
        limits.first_message_timeout = 0ms;
        limits.idle_timeout = 300ms;
    });
    BOOST_TEST(host.reasons.wait_for(1));
    BOOST_TEST(host.reasons.at(0) == errc::idle_timeout);
}

BOOST_AUTO_TEST_CASE(messages_that_are_begun_and_not_ended_are_timed_from_now_on) {
    auto wanted = quiet_options();
    wanted.idle_timeout = 1h;
    host_type host{wanted};
    auto slow = host.connect_and_talk();
    auto unfinished = test::frame(echo, "0123456789");
    slow.send(unfinished.substr(0, 5));
    host.change([](options& limits) { limits.message_timeout = 300ms; });
    slow.send(unfinished.substr(5, 5));
    BOOST_TEST(host.reasons.wait_for(1));
    BOOST_TEST(host.reasons.at(0) == errc::message_timeout);
}

BOOST_AUTO_TEST_CASE(what_becomes_of_output_that_is_not_taken) {
    auto wanted = clients_stay();
    wanted.write_timeout = 0ms;
    wanted.idle_timeout = 0ms;
    wanted.output_max_bytes = 64 * 1024 * 1024;
    host_type host{wanted};
    auto reader = host.connect(8 * 1024);
    BOOST_TEST_REQUIRE(host.ids.wait_for(1));
    host.change([](options& limits) {
        limits.output_max_bytes = 100'000;
        limits.overflow = overflow_policy::drop_newest;
    });
    auto large = payload_of(50'000);
    auto push = [&] {
        for (int count = 0; count < 20; ++count)
            host.server.send(host.ids.at(0), large);
    };
    BOOST_TEST(eventually([&] {
        push();
        return host.server.metrics().messages_dropped_newest > 100;
    }));
    BOOST_TEST(host.reasons.size() == 0U);
    host.change([](options& limits) { limits.overflow = overflow_policy::close; });
    BOOST_TEST(eventually([&] {
        push();
        return host.reasons.size() == 1;
    }));
    BOOST_TEST(host.reasons.at(0) == errc::output_full);
}

BOOST_AUTO_TEST_CASE(the_budget_of_all_output) {
    auto wanted = clients_stay();
    wanted.write_timeout = 0ms;
    wanted.idle_timeout = 0ms;
    wanted.output_max_bytes = 64 * 1024 * 1024;
    wanted.output_budget_bytes = 0;
    host_type host{wanted};
    auto reader = host.connect(8 * 1024);
    BOOST_TEST_REQUIRE(host.ids.wait_for(1));
    BOOST_TEST(eventually([&] {
        host.server.send(host.ids.at(0), payload_of(500'000));
        return host.server.metrics().output_held_bytes > 4'000'000;
    }));
    BOOST_TEST(host.reasons.size() == 0U);
    host.change([](options& limits) { limits.output_budget_bytes = 1024 * 1024; });
    BOOST_TEST(host.reasons.wait_for(1)); // at the next tick, were nothing to be sent any more
    BOOST_TEST(host.reasons.at(0) == errc::output_budget_exceeded);
}

BOOST_AUTO_TEST_CASE(the_log_level) {
    host_type host{quiet_options()};
    BOOST_TEST(!millipede::log_enabled(millipede::error));
    host.change([](options& limits) { limits.log.level = millipede::debug; });
    BOOST_TEST(millipede::log_enabled(millipede::debug));
    host.change([](options& limits) { limits.log.level = millipede::fatal; });
    BOOST_TEST(!millipede::log_enabled(millipede::error));
}

BOOST_AUTO_TEST_CASE(nobody_notices_a_thousand_of_them) {
    auto wanted = clients_stay();
    wanted.workers = 2;
    wanted.idle_timeout = 2h;
    wanted.messages_per_second = 1'000'000;
    host_type host{wanted};
    std::atomic<bool> enough{false};
    std::vector<std::thread> others;
    others.emplace_back([&] { // whoever asks, from any thread
        while (!enough) {
            auto limits = host.server.limits();
            if (host.ids.size() != 0) host.server.send(host.ids.at(0), millipede::payload{});
            host.server.broadcast(millipede::payload{});
            if (limits.workers != 2) std::abort();
            std::this_thread::sleep_for(1ms);
        }
    });
    test::expectations expect;
    for (int number = 0; number < 3; ++number)
        others.emplace_back([&, number] {
            auto client = host.connect();
            auto text = "client " + std::to_string(number);
            while (!enough)
                expect(answers(client, text));
        });
    for (int round = 0; round < 1'000; ++round)
        host.change([&](options& limits) {
            limits.idle_timeout = round % 2 == 0 ? 1h : 2h;
            limits.message_timeout = round % 3 == 0 ? 0h : 1h;
            limits.first_message_timeout = round % 5 == 0 ? 0h : 1h;
            limits.linger_timeout = round % 7 == 0 ? 100ms : 1s; // which decides on the ticks
            limits.messages_per_second = 1'000'000 - static_cast<std::uint32_t>(round % 4);
            limits.overflow =
                round % 2 == 0 ? overflow_policy::drop_newest : overflow_policy::drop_oldest;
            limits.output_budget_bytes = (round % 2 == 0 ? 64U : 128U) * 1024 * 1024;
            limits.connections_max = 1'000 + static_cast<std::uint32_t>(round);
        });
    enough = true;
    for (auto& each : others)
        each.join();
    BOOST_TEST(expect.broken() == 0);
    BOOST_TEST(host.server.limits().connections_max == 1'999U);
    auto last = host.connect();
    BOOST_TEST(answers(last));
    BOOST_TEST(host.server.metrics().timeouts == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
