// SPDX-License-Identifier: BSL-1.0
// Workers whose handlers hold them, end their threads, or leave their loops; and servers that are
// to end all the same.
#include "support/captured_log.hpp"
#include "support/child.hpp"
#include "support/printing.hpp"
#include "support/running_server.hpp"
#include "unit/support/child.hpp"

#include <boost/asio/post.hpp>
#include <boost/test/unit_test.hpp>

#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

BOOST_AUTO_TEST_SUITE(supervision)

namespace {

using namespace std::chrono_literals;
using millipede::errc;
using millipede::error_code;
using millipede::frame;
using test::captured_log;
using test::eventually;
using test::quiet_options;
using test::recorded;
using test::running_server;
using test::with_both_transports;

constexpr std::uint16_t echo = 1;
constexpr std::uint16_t hold = 7;
constexpr std::uint16_t fail = 8;

millipede::options
supervised_options(std::uint32_t workers,
                   millipede::transport_kind kind = millipede::transport_kind::epoll) {
    auto wanted = quiet_options(kind);
    wanted.workers = workers;
    wanted.stall_after = 500ms; // longer than a busy machine keeps a thread waiting
    return wanted;
}

void serve_echo(auto& server) {
    server.on(echo, [](auto& connection, frame const& message) { connection.send(message); });
}

bool answers(test::raw_client& client) {
    client.send(test::frame(echo, "ping"));
    return client.read_frame() == test::frame(echo, "ping");
}

// What a stack has to name.
[[gnu::noinline]] void hold_the_worker(std::atomic<bool> const& held) {
    while (held)
        std::this_thread::sleep_for(1ms);
}

// Whatever becomes of the test, the handler lets go before the server is destroyed.
struct let_go {
    ~let_go() { held = false; }
    std::atomic<bool>& held;
};

} // namespace

BOOST_AUTO_TEST_CASE(a_stalled_worker_hurts_no_other_and_gets_no_newcomers_until_it_goes_on) {
    captured_log logs;
    std::atomic<bool> held{true};
    recorded<std::uint32_t> opened; // workers of the newcomers
    running_server<> host{supervised_options(2)};
    let_go at_last{held};
    host.server.on_open([&](auto& connection) { opened.add(connection.worker_index()); });
    host.server.on(hold, [&](auto& connection, frame const& message) {
        hold_the_worker(held);
        connection.send(message);
    });
    serve_echo(host.server);
    host.start();

    auto victim = host.connect();
    BOOST_REQUIRE(opened.wait_for(1));
    auto witness = host.connect();
    BOOST_REQUIRE(opened.wait_for(2));
    BOOST_REQUIRE(opened.at(0) != opened.at(1));
    victim.send(test::frame(hold));
    BOOST_REQUIRE(eventually([&] { return host.server.metrics().stalled == 1; }));
    auto worker = "worker " + std::to_string(opened.at(0));
    BOOST_TEST(logs.says(worker + " stack 0: "));
    BOOST_TEST(logs.says("hold_the_worker"));

    std::vector<test::raw_client> newcomers;
    for (int times = 0; times < 10; ++times) {
        BOOST_TEST(answers(witness));
        newcomers.push_back(host.connect());
        BOOST_TEST(answers(newcomers.back()));
    }
    BOOST_REQUIRE(opened.size() == 12U);
    for (std::size_t index = 2; index < 12; ++index)
        BOOST_TEST(opened.at(index) == opened.at(1));
    BOOST_TEST(host.server.metrics().stalled == 1U); // all that happened while it was held

    held = false;
    BOOST_TEST((victim.read_frame() == test::frame(hold)));
    BOOST_REQUIRE(eventually([&] { return host.server.metrics().stalled == 0; }));
    newcomers.push_back(host.connect());
    BOOST_REQUIRE(opened.wait_for(13));
    BOOST_TEST(opened.at(12) == opened.at(0));
    BOOST_TEST(answers(victim));
    BOOST_TEST(host.server.metrics().stalls == 1U);

    BOOST_TEST(logs.says(worker + " goes on after "));
    BOOST_TEST(logs.count(worker + " is stalled: no sign of life for 0.") == 1U);
    BOOST_TEST(logs.count("held by the handler of command 0x0007; it gets no newcomers") == 1U);
    BOOST_TEST(logs.count(worker + " stack 0: ") == 1U);
    BOOST_TEST(logs.count(worker + " goes on after ") == 1U);
    BOOST_TEST(logs.count("is stalled") == 1U);
}

BOOST_AUTO_TEST_CASE(whatever_holds_a_worker_is_named) {
    captured_log logs;
    std::atomic<bool> held{true};
    auto wanted = supervised_options(1);
    wanted.stall_after = 100ms;
    running_server<> host{wanted};
    let_go at_last{held};
    std::atomic<bool> hold_in_open{false};
    recorded<millipede::connection_id> ids;
    host.server.on_open([&](auto& connection) {
        ids.add(connection.id());
        if (hold_in_open.exchange(false)) hold_the_worker(held);
    });
    host.server.on_close([&](auto&, error_code const& reason) {
        if (reason == errc::closed_by_peer) hold_the_worker(held);
    });
    host.server.on(fail, [&](auto& connection, frame const&) {
        boost::asio::post(connection.get_executor(), [&] { hold_the_worker(held); });
    });
    serve_echo(host.server);
    host.start();
    auto witness = host.connect();
    BOOST_TEST(answers(witness));
    auto check = [&](std::string const& what) {
        BOOST_TEST_CONTEXT(what) {
            BOOST_TEST(logs.says("held by " + what + "; it gets"));
        }
        held = false;
        BOOST_TEST(answers(witness));
        BOOST_TEST(eventually([&] { return host.server.metrics().stalled == 0; }));
        held = true;
    };
    hold_in_open = true;
    {
        auto newcomer = host.connect();
        check("on_open");
    }
    check("on_close");
    host.server.post(ids.at(0), [&](auto&) { hold_the_worker(held); });
    check("a function of post()");
    witness.send(test::frame(fail));
    check("a function on its executor");
    held = false;
}

BOOST_AUTO_TEST_CASE(a_worker_held_again_is_told_again) {
    captured_log logs;
    std::atomic<bool> held{true};
    auto wanted = supervised_options(1);
    wanted.stall_signal = 0;
    running_server<> host{wanted};
    let_go at_last{held};
    host.server.on(hold, [&](auto& connection, frame const& message) {
        hold_the_worker(held);
        connection.send(message);
    });
    host.start();
    auto client = host.connect();
    for (std::size_t times = 1; times <= 2; ++times) {
        held = true;
        client.send(test::frame(hold));
        BOOST_TEST(eventually([&] { return host.server.metrics().stalled == 1; }));
        held = false;
        BOOST_TEST((client.read_frame() == test::frame(hold)));
        BOOST_TEST(eventually([&] { return host.server.metrics().stalled == 0; }));
        BOOST_TEST(host.server.metrics().stalls == times);
    }
    BOOST_TEST(logs.count(" is stalled") == 2U);
    BOOST_TEST(logs.count(" stack ") == 0U); // no signal, no stack
}

BOOST_AUTO_TEST_CASE(a_stall_aborts_the_process_when_that_is_the_policy_and_the_log_says_why) {
    auto path = std::filesystem::temp_directory_path() /
                ("millipede-abort-" + std::to_string(::getpid()) + ".log");
    auto ending = millipede::test::in_child([&]() -> std::string {
        rlimit no_core{};
        ::setrlimit(RLIMIT_CORE, &no_core);
        auto wanted = supervised_options(2);
        wanted.stall_policy = millipede::stall_policy::abort;
        wanted.log = {.level = millipede::info, .file = path.string()};
        std::atomic<bool> held{true};
        running_server<> host{wanted};
        host.server.on(hold, [&](auto&, frame const&) { hold_the_worker(held); });
        host.start();
        auto client = host.connect();
        client.send(test::frame(hold));
        std::this_thread::sleep_for(test::patience);
        return "it is still there";
    });
    BOOST_TEST(ending == "signal " + std::to_string(SIGABRT));
    std::ifstream file{path};
    std::string log{std::istreambuf_iterator<char>{file}, {}};
    BOOST_TEST(log.find("held by the handler of command 0x0007") != std::string::npos);
    BOOST_TEST(log.find("hold_the_worker") != std::string::npos);
    BOOST_TEST(log.find("aborting, as stall_policy says") != std::string::npos);
    std::filesystem::remove(path);
}

BOOST_AUTO_TEST_CASE(a_process_that_was_stopped_has_no_stalled_workers) {
    auto code = test::in_child([] {
        auto wanted = supervised_options(2);
        running_server<> host{wanted};
        serve_echo(host.server);
        host.start();
        auto client = host.connect();
        if (!answers(client)) return 2;
        auto stopped = ::getpid();
        auto helper = ::fork();
        if (helper == 0) {
            ::kill(stopped, SIGSTOP);
            ::usleep(900'000);
            ::kill(stopped, SIGCONT);
            ::_exit(0);
        }
        int status = 0;
        ::waitpid(helper, &status, 0);
        std::this_thread::sleep_for(200ms); // some looks
        return answers(client) && host.server.metrics().stalls == 0 ? 0 : 3;
    });
    BOOST_TEST(code == 0);
}

BOOST_AUTO_TEST_CASE(what_leaves_the_loop_is_logged_and_counted_and_the_connections_stay) {
    captured_log logs;
    running_server<> host{supervised_options(1)};
    host.server.on(fail, [](auto& connection, frame const&) {
        boost::asio::post(connection.get_executor(),
                          [] { throw std::runtime_error{"out of the loop"}; });
        boost::asio::post(connection.get_executor(), [] { throw 7; });
    });
    serve_echo(host.server);
    host.start();
    auto first = host.connect();
    auto second = host.connect();
    BOOST_TEST(answers(second));
    first.send(test::frame(fail));
    BOOST_TEST(answers(first));
    BOOST_TEST(answers(second));
    BOOST_TEST(eventually([&] { return host.server.metrics().worker_restarts == 2; }));
    BOOST_TEST(host.server.metrics().callback_failures == 2U);
    BOOST_TEST(host.server.metrics().closed == 0U);
    BOOST_TEST(logs.count("worker 0: its loop was left and goes on: out of the loop") == 1U);
    BOOST_TEST(logs.count("its loop was left and goes on: not a std::exception") == 1U);
}

BOOST_AUTO_TEST_CASE(a_worker_whose_context_a_handler_stopped_goes_on) {
    running_server<> host{supervised_options(1)};
    host.server.on(fail, [](auto& connection, frame const& message) {
        connection.get_executor().context().stop();
        connection.send(message);
    });
    serve_echo(host.server);
    host.start();
    auto client = host.connect();
    client.send(test::frame(fail));
    BOOST_TEST((client.read_frame() == test::frame(fail)));
    BOOST_TEST(answers(client));
    BOOST_TEST(host.server.metrics().worker_restarts == 1U);
}

namespace {

// A server whose only worker is held while all these clients send, so that their frames, which
// `request(index)` makes, arrive in one turn.
struct crowd {
    explicit crowd(millipede::options wanted = supervised_options(1)) : host{std::move(wanted)} {
        host.server.on(hold, [this](auto&, frame const&) {
            while (held)
                std::this_thread::sleep_for(1ms);
        });
        host.server.on(fail, [this](auto& connection, frame const&) { on_fail(connection); });
        host.server.on_open([this](auto& connection) { ids.add(connection.id()); });
        host.server.on_close([this](auto&, error_code const& reason) { reasons.add(reason); });
        serve_echo(host.server);
        host.start();
        for (int times = 0; times < 20; ++times) {
            clients.push_back(host.connect());
            BOOST_REQUIRE(ids.wait_for(clients.size()));
        }
    }
    ~crowd() { held = false; }
    void begin_turn() {
        held = true;
        clients[0].send(test::frame(hold));
        BOOST_REQUIRE(eventually([&] { return host.server.metrics().messages_received >= 1; }));
    }
    void end_turn() { held = false; }

    std::function<void(millipede::connection<>&)> on_fail;
    recorded<millipede::connection_id> ids;
    recorded<error_code> reasons;
    std::atomic<bool> held{false};
    running_server<> host;
    std::vector<test::raw_client> clients;
};

} // namespace

BOOST_AUTO_TEST_CASE(a_handler_that_ends_its_thread_loses_its_own_connection_only) {
    with_both_transports([](auto kind) {
        captured_log logs;
        crowd all{supervised_options(1, kind)};
        all.on_fail = [](auto&) { ::pthread_exit(nullptr); };
        all.begin_turn();
        all.clients[1].send(test::frame(fail));
        for (std::size_t index = 2; index < all.clients.size(); ++index)
            all.clients[index].send(test::frame(echo, "behind it"));
        all.end_turn();
        for (std::size_t index = 2; index < all.clients.size(); ++index)
            BOOST_TEST((all.clients[index].read_frame() == test::frame(echo, "behind it")));
        BOOST_TEST(all.clients[1].read_to_end().clean);
        BOOST_TEST(answers(all.clients[0]));
        BOOST_TEST(all.reasons.size() == 1U);
        BOOST_TEST(all.reasons.at(0) == errc::handler_failed);
        BOOST_TEST(all.host.server.metrics().worker_restarts == 1U);
        auto late = all.host.connect();
        BOOST_TEST(answers(late));
        BOOST_TEST(logs.count("a handler ended its thread; another one takes over") == 1U);
    });
}

BOOST_AUTO_TEST_CASE(a_posted_function_that_ends_the_thread_takes_no_other_with_it) {
    crowd all;
    std::atomic<int> done{0};
    all.begin_turn();
    auto& server = all.host.server;
    server.post(all.ids.at(1), [&](auto&) { ++done; });
    server.post(all.ids.at(2), [](auto&) { ::pthread_exit(nullptr); });
    server.post(all.ids.at(3), [&](auto&) { ++done; });
    server.send(all.ids.at(4), millipede::payload{test::bytes_of("sent")});
    all.end_turn();
    BOOST_TEST(all.clients[4].read(4) == "sent");
    BOOST_TEST(done == 2);
    BOOST_TEST(answers(all.clients[3]));
    server.post(all.ids.at(1), [&](auto&) { ++done; });
    BOOST_TEST(eventually([&] { return done == 3; }));
    BOOST_TEST(server.metrics().worker_restarts == 1U);
}

BOOST_AUTO_TEST_CASE(a_function_on_the_executor_that_ends_the_thread_takes_nothing_with_it) {
    auto wanted = supervised_options(1);
    wanted.stall_after = 0ms;      // lost threads are looked for all the same
    wanted.linger_timeout = 400ms; // clients stay to the end
    crowd all{wanted};
    all.on_fail = [](auto& connection) {
        boost::asio::post(connection.get_executor(), [] { ::pthread_exit(nullptr); });
        connection.send(frame{test::bytes_of(test::frame(fail)), fail});
    };
    all.clients[1].send(test::frame(fail));
    BOOST_TEST((all.clients[1].read_frame() == test::frame(fail)));
    for (auto& client : all.clients)
        BOOST_TEST(answers(client));
    BOOST_TEST(all.host.server.metrics().worker_restarts == 1U);
    BOOST_TEST(all.host.server.metrics().closed == 0U);
    all.host.stop();
    BOOST_TEST(all.host.server.metrics().stopped == 20U);
}

namespace {

constexpr int came_through = 7; // nothing ended the process

std::atomic<bool> held_for_ever{true};

millipede::options impatient_options() {
    auto wanted = quiet_options();
    wanted.stop_timeout = 50ms;
    wanted.stall_after = 0ms;
    return wanted;
}

} // namespace

BOOST_AUTO_TEST_CASE(a_handler_held_for_ever_does_not_keep_a_server_from_being_destroyed) {
    auto code = test::in_child([] {
        {
            running_server<> host{impatient_options()};
            host.server.on(hold, [](auto&, frame const&) { hold_the_worker(held_for_ever); });
            host.server.start();
            // Accepted, and answered, when the server is being destroyed.
            auto client = host.connect();
            client.send(test::frame(hold));
            host.server.stop();
        }
        return came_through;
    });
    BOOST_TEST(code == 1);
}

BOOST_AUTO_TEST_CASE(a_handler_held_for_ever_does_not_keep_a_failing_run_from_ending) {
    auto code = test::in_child([] {
        running_server<> host{impatient_options()};
        std::atomic<bool> there{false};
        host.server.on(hold, [&](auto&, frame const&) {
            there = true;
            hold_the_worker(held_for_ever);
        });
        host.start();
        auto client = host.connect();
        client.send(test::frame(hold));
        if (!eventually([&] { return there.load(); })) return 2;
        boost::asio::post(host.server.get_executor(), [] { throw 7; });
        host.join();
        return came_through;
    });
    BOOST_TEST(code == 1);
}

BOOST_AUTO_TEST_CASE(a_run_whose_context_was_stopped_ends_the_connections_first) {
    running_server<> host{supervised_options(2)};
    std::atomic<int> closed{0};
    host.server.on_close(
        [&](auto&, error_code const& reason) { closed += reason == errc::stopping; });
    serve_echo(host.server);
    host.start();
    auto client = host.connect();
    BOOST_TEST(answers(client));
    boost::asio::post(host.server.get_executor(),
                      [&] { host.server.get_executor().context().stop(); });
    BOOST_TEST(client.read_to_end().clean);
    client.close();
    host.join();
    BOOST_TEST(closed == 1);
    BOOST_TEST(host.ended.load());
}

namespace {

// Of such a size there is no stack, and so no thread.
void set_stack_bytes(std::size_t bytes) {
    pthread_attr_t wanted;
    ::pthread_attr_init(&wanted);
    ::pthread_attr_setstacksize(&wanted, bytes);
    ::pthread_setattr_default_np(&wanted);
    ::pthread_attr_destroy(&wanted);
}
constexpr std::size_t impossible_stack = std::size_t{1} << 47;
constexpr std::size_t usual_stack = 1024 * 1024;

} // namespace

BOOST_AUTO_TEST_CASE(a_server_without_threads_is_not_started_and_may_be_once_there_are_some) {
    auto code = test::in_child([] {
        captured_log logs{millipede::fatal}; // which has a thread
        running_server<> host{supervised_options(2)};
        serve_echo(host.server);
        for (int times = 0; times < 2; ++times) {
            set_stack_bytes(impossible_stack);
            bool refused = false;
            try {
                host.server.start();
            } catch (std::system_error const&) {
                refused = true;
            }
            set_stack_bytes(usual_stack);
            if (!refused) return 2;
            if (!host.server.endpoints().empty()) return 3;
            if (host.server.send(millipede::connection_id{}, millipede::payload{}) !=
                errc::not_running)
                return 4;
        }
        host.start();
        auto client = host.connect();
        return answers(client) ? 0 : 5;
    });
    BOOST_TEST(code == 0);
}

BOOST_AUTO_TEST_CASE(a_server_without_threads_goes_quietly) {
    auto code = test::in_child([] {
        captured_log logs{millipede::fatal};
        millipede::server<> server{supervised_options(2)};
        set_stack_bytes(impossible_stack);
        try {
            server.run();
        } catch (std::system_error const&) {
            return 0;
        }
        return 2;
    });
    BOOST_TEST(code == 0);
}

BOOST_AUTO_TEST_SUITE_END()
