// SPDX-License-Identifier: BSL-1.0
// Handlers that block, on threads of their own.
#include "support/child.hpp"
#include "support/printing.hpp"
#include "support/running_server.hpp"

#include <boost/endian/arithmetic.hpp>
#include <boost/test/unit_test.hpp>

#include <sys/resource.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <initializer_list>
#include <new>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <vector>

BOOST_AUTO_TEST_SUITE(offload)

namespace {

using namespace std::chrono_literals;
using millipede::connection_id;
using millipede::errc;
using millipede::error_code;
using millipede::frame;
using millipede::offload_order;
using millipede::payload;
using millipede::transport_kind;
using test::bytes_of;
using test::eventually;
using test::number;
using test::quiet_options;
using test::recorded;
using test::running_server;
using test::with_both_transports;

struct question {
    static constexpr std::uint16_t command = 0x10;
    boost::endian::little_uint32_t number;
};
struct reply {
    static constexpr std::uint16_t command = 0x11;
    boost::endian::little_uint32_t number;
};
struct busy {
    static constexpr std::uint16_t command = 0x12;
    boost::endian::little_uint32_t number;
};

struct too_long {
    static constexpr std::uint16_t command = 0x13;
    std::byte data[70'000]; // more than a frame can have
};

constexpr std::uint16_t echo = 0x20;

// One message a line.
struct line_codec {
    using message_type = std::string_view;
    std::size_t size_max() const { return 100; }
    millipede::decode_result decode(std::span<std::byte const> input,
                                    std::string_view& message) const {
        std::string_view text{reinterpret_cast<char const*>(input.data()), input.size()};
        auto end = text.find('\n');
        if (end == text.npos) return millipede::decode_result::incomplete();
        message = text.substr(0, end);
        return millipede::decode_result::complete(end + 1);
    }
    void encode(std::string_view message, auto& sink) const {
        sink.append(bytes_of(message));
        sink.append(bytes_of("\n"));
    }
};

std::string question_frame(std::uint32_t value) {
    return test::frame(question::command, number(value));
}
std::string reply_frame(std::uint32_t value) {
    return test::frame(reply::command, number(value));
}

// Handlers that wait for the test; opened at the latest when the test ends, so that none hangs.
class gate {
  public:
    ~gate() { open(); }
    void open() { open_ = true; }
    void wait() {
        ++waiting_;
        eventually([&] { return open_.load(); });
    }
    // So many have come here.
    bool met(int count) {
        return eventually([&] { return waiting_ >= count; });
    }

  private:
    std::atomic<bool> open_{false};
    std::atomic<int> waiting_{0};
};

void serve_echo(millipede::server<>& server) {
    server.on(echo, [](auto& connection, frame const& message) { connection.send(message); });
}

std::string numbers(std::uint32_t count, std::function<std::string(std::uint32_t)> const& each) {
    std::string all;
    for (std::uint32_t value = 0; value < count; ++value)
        all += each(value);
    return all;
}

} // namespace

BOOST_AUTO_TEST_CASE(a_message_a_payload_or_a_later_send_answers) {
    with_both_transports([](transport_kind kind) {
        running_server<> host{quiet_options(kind)};
        host.server.on<question>(millipede::offload(
            [](connection_id, question const& asked) { return reply{asked.number + 1}; }));
        host.server.on(2, millipede::offload([](connection_id, frame const& asked) {
                           return payload{
                               bytes_of(test::frame(2, test::text_of(asked.data()) + "!"))};
                       }));
        host.server.on(3, millipede::offload([&](connection_id id, frame const& asked) {
                           host.server.send(id, payload{asked.whole});
                       }));
        host.server.on(4,
                       millipede::offload([](connection_id, frame const&) { return payload{}; }));
        serve_echo(host.server);
        host.start();
        auto client = host.connect();
        client.send(question_frame(41));
        BOOST_TEST((client.read_frame() == reply_frame(42)));
        client.send(test::frame(2, "data"));
        BOOST_TEST((client.read_frame() == test::frame(2, "data!")));
        client.send(test::frame(3, "later"));
        BOOST_TEST((client.read_frame() == test::frame(3, "later")));
        client.send(test::frame(4));
        BOOST_TEST(eventually([&] { return host.server.metrics().offloaded == 4; }));
        client.send(test::frame(echo, "still there"));
        BOOST_TEST((client.read_frame() == test::frame(echo, "still there")));
        BOOST_TEST(host.server.metrics().stale_requests == 0U);
    });
}

BOOST_AUTO_TEST_CASE(others_are_served_while_a_handler_blocks) {
    gate hold;
    recorded<std::thread::id> threads;
    running_server<> host; // one worker
    host.server.on<question>(millipede::offload([&](connection_id, question const& asked) {
        threads.add(std::this_thread::get_id());
        hold.wait();
        return reply{asked.number};
    }));
    host.server.on(echo, [&](auto& connection, frame const& message) {
        threads.add(std::this_thread::get_id());
        connection.send(message);
    });
    host.start();
    auto blocked = host.connect();
    auto other = host.connect();
    blocked.send(question_frame(1));
    BOOST_REQUIRE(hold.met(1));
    for (auto* client : {&other, &blocked}) {
        client->send(test::frame(echo, "meanwhile"));
        BOOST_TEST((client->read_frame() == test::frame(echo, "meanwhile")));
    }
    hold.open();
    BOOST_TEST((blocked.read_frame() == reply_frame(1)));
    BOOST_TEST((threads.at(0) != threads.at(1)));
    BOOST_TEST((threads.at(1) == threads.at(2)));
}

// They were received in a buffer that others use meanwhile.
BOOST_AUTO_TEST_CASE(raw_messages_keep_their_bytes) {
    with_both_transports([](transport_kind kind) {
        gate hold;
        running_server<> host{quiet_options(kind)};
        auto give_back = [&](connection_id, frame const& asked) {
            hold.wait();
            return asked;
        };
        host.server.on(7, millipede::offload(give_back, offload_order::per_connection));
        host.server.on_message(millipede::offload(give_back, offload_order::per_connection));
        serve_echo(host.server);
        host.start();
        auto client = host.connect();
        auto large = test::frame(7, std::string(60'000, 'l'));
        auto unknown = test::frame(0x7777, "by no handler of its own");
        client.send(large + unknown);
        BOOST_REQUIRE(hold.met(1));
        auto other = host.connect();
        for (char letter = 'a'; letter < 'f'; ++letter) {
            auto noise = test::frame(echo, std::string(65'000, letter));
            other.send(noise);
            BOOST_TEST((other.read_frame() == noise));
        }
        hold.open();
        BOOST_TEST((client.read_frame() == large));
        BOOST_TEST((client.read_frame() == unknown));
    });
}

BOOST_AUTO_TEST_CASE(data_that_is_no_such_message_never_reaches_the_pool) {
    recorded<error_code> reasons;
    running_server<> host;
    host.server.on<question>(millipede::offload([](connection_id, question const&) {}));
    host.server.on_close([&](auto&, error_code const& reason) { reasons.add(reason); });
    host.start();
    auto client = host.connect();
    client.send(test::frame(question::command, "xyz"));
    BOOST_TEST(client.read_to_end().clean);
    BOOST_REQUIRE(reasons.wait_for(1));
    BOOST_TEST(reasons.at(0) == errc::bad_message);
    BOOST_TEST(host.server.metrics().offloaded == 0U);
}

BOOST_AUTO_TEST_CASE(codecs_without_commands_can_offload_too) {
    millipede::server<millipede::no_session, line_codec> server{quiet_options()};
    server.on_message(millipede::offload(
        [](connection_id, std::string_view const& line) { return std::string{line} + " indeed"; }));
    server.start();
    std::thread thread{[&] { server.run(); }};
    {
        test::raw_client client{server.endpoints()[0]};
        client.send("one\ntwo\n");
        auto got = client.read(22);
        BOOST_TEST((got == "one indeed\ntwo indeed\n" || got == "two indeed\none indeed\n"));
    }
    server.stop();
    thread.join();
}

namespace {

// One runs, two wait, and the next is one too many.
struct full_host {
    explicit full_host() : host{limits()} {}
    ~full_host() {
        hold.open();
        host.stop();
    }
    static millipede::options limits() {
        auto wanted = quiet_options();
        wanted.offload_threads = 1;
        wanted.offload_capacity = 2;
        return wanted;
    }
    auto handler() {
        return [this](connection_id, question const& asked) {
            hold.wait();
            return reply{asked.number};
        };
    }
    void fill(test::raw_client& client) {
        client.send(question_frame(0));
        BOOST_REQUIRE(hold.met(1));
        client.send(question_frame(1) + question_frame(2));
        BOOST_REQUIRE(eventually([&] { return host.server.metrics().offload_waiting == 2; }));
    }

    gate hold;
    recorded<error_code> reasons;
    running_server<> host;
};

} // namespace

BOOST_AUTO_TEST_CASE(whoever_asks_a_full_pool_is_closed) {
    full_host full;
    auto& server = full.host.server;
    server.on<question>(millipede::offload(full.handler()));
    server.on_close([&](auto&, error_code const& reason) { full.reasons.add(reason); });
    full.host.start();
    auto client = full.host.connect();
    full.fill(client);
    auto unlucky = full.host.connect();
    unlucky.send(question_frame(3));
    auto end = unlucky.read_to_end();
    BOOST_TEST(end.bytes.empty());
    BOOST_TEST(end.clean);
    BOOST_REQUIRE(full.reasons.wait_for(1));
    BOOST_TEST(full.reasons.at(0) == errc::offload_full);
    BOOST_TEST((full.reasons.at(0) == millipede::close_reason::shed));
    full.hold.open();
    BOOST_TEST((client.read(36) == numbers(3, reply_frame)));
    auto sums = server.metrics();
    BOOST_TEST(sums.offloaded == 3U);
    BOOST_TEST(sums.offload_refused == 1U);
    BOOST_TEST(sums.offload_waiting == 0U);
    BOOST_TEST(sums.shed == 1U);
}

BOOST_AUTO_TEST_CASE(a_refused_request_may_be_answered_with_an_error) {
    full_host full;
    full.host.server.on<question>(
        millipede::offload(full.handler(), [](auto& connection, question const& asked) {
            connection.send(busy{asked.number});
        }));
    full.host.start();
    auto client = full.host.connect();
    full.fill(client);
    client.send(question_frame(3) + question_frame(4));
    BOOST_TEST((client.read_frame() == test::frame(busy::command, number(3))));
    BOOST_TEST((client.read_frame() == test::frame(busy::command, number(4))));
    full.hold.open();
    BOOST_TEST((client.read(36) == numbers(3, reply_frame)));
    client.send(question_frame(5));
    BOOST_TEST((client.read_frame() == reply_frame(5)));
    BOOST_TEST(full.host.server.metrics().offload_refused == 2U);
}

BOOST_AUTO_TEST_CASE(what_a_handler_throws_ends_its_connection_only) {
    with_both_transports([](transport_kind kind) {
        recorded<error_code> reasons;
        running_server<> host{quiet_options(kind)};
        host.server.on(1, millipede::offload([](connection_id, frame const&) {
                           throw std::runtime_error{"as asked"};
                       }));
        host.server.on(2, millipede::offload([](connection_id, frame const&) { throw 7; }));
        host.server.on(3, millipede::offload([](connection_id, frame const&) -> payload {
                           throw std::bad_alloc{};
                       }));
        host.server.on(4,
                       millipede::offload([](connection_id, frame const&) { return too_long{}; }));
        serve_echo(host.server);
        host.server.on_close([&](auto&, error_code const& reason) { reasons.add(reason); });
        host.start();
        auto witness = host.connect();
        std::size_t ended = 0;
        for (auto reason :
             {errc::handler_failed, errc::handler_failed, errc::no_memory, errc::handler_failed}) {
            auto client = host.connect();
            client.send(test::frame(static_cast<std::uint16_t>(ended + 1)));
            BOOST_TEST(client.read_to_end().bytes.empty());
            BOOST_REQUIRE(reasons.wait_for(++ended));
            BOOST_TEST(reasons.at(ended - 1) == reason);
            witness.send(test::frame(echo, "unharmed"));
            BOOST_TEST((witness.read_frame() == test::frame(echo, "unharmed")));
        }
        auto sums = host.server.metrics();
        BOOST_TEST(sums.offload_failed == 4U);
        BOOST_TEST(sums.handler_failures == 3U);
    });
}

BOOST_AUTO_TEST_CASE(an_answer_to_a_connection_that_has_gone_is_counted) {
    gate hold;
    running_server<> host;
    host.server.on<question>(millipede::offload([&](connection_id, question const& asked) {
        hold.wait();
        return reply{asked.number};
    }));
    host.start();
    auto client = host.connect();
    client.send(question_frame(1));
    BOOST_REQUIRE(hold.met(1));
    client.reset();
    BOOST_TEST(eventually([&] { return host.server.metrics().released == 1; }));
    auto next = host.connect(); // in the same slot
    next.send(question_frame(2));
    BOOST_REQUIRE(hold.met(2));
    hold.open();
    BOOST_TEST((next.read_frame() == reply_frame(2)));
    BOOST_TEST(eventually([&] { return host.server.metrics().stale_requests == 1; }));
}

BOOST_AUTO_TEST_CASE(who_has_nothing_more_to_say_still_gets_the_answers) {
    with_both_transports([](transport_kind kind) {
        gate hold;
        recorded<error_code> reasons;
        running_server<> host{quiet_options(kind)};
        host.server.on<question>(millipede::offload(
            [&](connection_id, question const& asked) {
                hold.wait();
                return reply{asked.number};
            },
            offload_order::per_connection));
        host.server.on_close([&](auto&, error_code const& reason) { reasons.add(reason); });
        host.start();
        auto client = host.connect();
        client.send(numbers(3, question_frame));
        client.end_output();
        BOOST_REQUIRE(hold.met(1));
        BOOST_TEST(!client.readable(50ms)); // its end waits
        hold.open();
        auto got = client.read_to_end();
        BOOST_TEST((got.bytes == numbers(3, reply_frame)));
        BOOST_TEST(got.clean);
        BOOST_REQUIRE(reasons.wait_for(1));
        BOOST_TEST(reasons.at(0) == errc::closed_by_peer);
    });
}

BOOST_AUTO_TEST_CASE(without_an_order_requests_overtake_one_another) {
    gate hold;
    running_server<> host;
    host.server.on<question>(millipede::offload([&](connection_id, question const& asked) {
        if (asked.number == 0) hold.wait();
        return reply{asked.number};
    }));
    host.start();
    auto client = host.connect();
    client.send(numbers(2, question_frame));
    BOOST_TEST((client.read_frame() == reply_frame(1)));
    hold.open();
    BOOST_TEST((client.read_frame() == reply_frame(0)));
}

BOOST_AUTO_TEST_CASE(in_order_every_connection_gets_its_answers_as_it_asked) {
    static constexpr std::uint32_t count = 300;
    auto wanted = quiet_options();
    wanted.workers = 2;
    wanted.offload_threads = 3;
    wanted.offload_capacity = 100'000;
    running_server<> host{wanted};
    auto answer = [](connection_id, question const& asked) {
        if (asked.number % 7 == 0) std::this_thread::sleep_for(1ms);
        return reply{asked.number};
    };
    host.server.on<question>(millipede::offload(answer, offload_order::per_connection));
    // Stands in the common queue, beside the others.
    host.server.on(9, millipede::offload([](connection_id, frame const&) {}));
    host.start();
    std::vector<test::raw_client> clients;
    for (int each = 0; each < 10; ++each) {
        clients.push_back(host.connect());
        clients.back().send(numbers(
            count, [](std::uint32_t value) { return question_frame(value) + test::frame(9); }));
    }
    for (auto& client : clients)
        BOOST_TEST((client.read(12 * count) == numbers(count, reply_frame)));
    BOOST_TEST(eventually([&] { return host.server.metrics().offload_waiting == 0; }));
    BOOST_TEST(host.server.metrics().offloaded == 10U * 2 * count);
}

BOOST_AUTO_TEST_CASE(ordered_and_other_requests_wait_no_longer_than_those_that_came_later) {
    gate hold;
    auto wanted = quiet_options();
    wanted.offload_threads = 1;
    running_server<> host{wanted};
    auto give_back = [&](connection_id, frame const& asked) {
        hold.wait();
        return asked;
    };
    host.server.on(1, millipede::offload(give_back));
    host.server.on(2, millipede::offload(give_back, offload_order::per_connection));
    host.start();
    auto client = host.connect();
    auto requests = numbers(50, [](std::uint32_t value) {
        return test::frame(value % 3 == 0 ? 1 : 2, number(value)) +
               test::frame(value % 5 == 0 ? 2 : 1, number(value));
    });
    client.send(requests);
    BOOST_REQUIRE(eventually([&] { return host.server.metrics().offload_waiting == 99; }));
    hold.open();
    BOOST_TEST((client.read(requests.size()) == requests));
}

BOOST_AUTO_TEST_CASE(a_full_mailbox_loses_no_answers) {
    static constexpr std::uint32_t count = 20;
    auto wanted = quiet_options();
    wanted.mailbox_capacity = 1;
    std::atomic<std::uint32_t> handled{0};
    running_server<> host{wanted};
    host.server.on<question>(millipede::offload([&](connection_id, question const& asked) {
        ++handled;
        return reply{asked.number};
    }));
    host.server.on(1, [&](auto&, frame const&) { // holds the worker until all answers are made
        eventually([&] { return handled == count && host.server.metrics().offload_waiting == 0; });
        std::this_thread::sleep_for(20ms);
    });
    host.start();
    auto client = host.connect();
    client.send(numbers(count, question_frame) + test::frame(1));
    std::set<std::string> got;
    for (std::uint32_t each = 0; each < count; ++each)
        got.insert(client.read_frame());
    BOOST_TEST(got.size() == count);
}

BOOST_AUTO_TEST_CASE(threads_run_only_for_those_who_offload) {
    auto offload_threads = [] {
        std::size_t count = 0;
        for (auto const& task : std::filesystem::directory_iterator{"/proc/self/task"}) {
            std::ifstream file{task.path() / "comm"};
            std::string name;
            std::getline(file, name);
            count += name.starts_with("offload-");
        }
        return count;
    };
    auto wanted = quiet_options();
    wanted.offload_threads = 3;
    {
        running_server<> host{wanted};
        serve_echo(host.server);
        host.start();
        auto client = host.connect();
        client.send(test::frame(echo));
        client.read_frame();
        BOOST_TEST(offload_threads() == 0U);
    }
    running_server<> host{wanted};
    host.server.on(1, millipede::offload([](connection_id, frame const&) {}));
    host.start();
    BOOST_TEST(eventually([&] { return offload_threads() == 3; }));
    auto handler = [](connection_id, frame const&) {};
    BOOST_CHECK_THROW(host.server.on(2, millipede::offload(handler)), std::logic_error);
    host.stop();
    BOOST_TEST(offload_threads() == 0U);
}

BOOST_AUTO_TEST_CASE(what_was_offloaded_before_the_stop_is_answered) {
    with_both_transports([](transport_kind kind) {
        gate hold;
        auto wanted = quiet_options(kind);
        wanted.offload_threads = 1;
        wanted.stop_timeout = 20s;
        running_server<> host{wanted};
        host.server.on<question>(millipede::offload([&](connection_id, question const& asked) {
            hold.wait();
            return reply{asked.number};
        }));
        host.start();
        std::vector<test::raw_client> clients;
        for (int each = 0; each < 3; ++each) {
            clients.push_back(host.connect());
            clients.back().send(numbers(5, question_frame));
        }
        auto idle = host.connect(); // has its turn after the others
        BOOST_REQUIRE(hold.met(1));
        BOOST_REQUIRE(eventually([&] { return host.server.metrics().offload_waiting == 14; }));
        host.server.stop();
        BOOST_TEST(idle.read_to_end().clean); // it is owed nothing
        idle.close();
        clients[0].send(question_frame(99)); // too late: nobody reads it
        BOOST_TEST(!host.ended);
        hold.open();
        for (auto& client : clients) {
            auto got = client.read_to_end();
            BOOST_TEST((got.bytes == numbers(5, reply_frame)));
            BOOST_TEST(got.clean);
            client.close();
        }
        host.join();
        auto sums = host.server.metrics();
        BOOST_TEST(sums.cut == 0U);
        BOOST_TEST(sums.stopped == 4U);
        BOOST_TEST(sums.offload_dropped == 0U);
        BOOST_TEST(host.server.drained().in_peace == 4U);
    });
}

BOOST_AUTO_TEST_CASE(requests_of_connections_that_have_gone_are_handled_before_the_end) {
    gate hold;
    std::atomic<int> handled{0};
    auto wanted = quiet_options();
    wanted.offload_threads = 2;
    wanted.stop_timeout = 20s;
    running_server<> host{wanted};
    host.server.on<question>(millipede::offload([&](connection_id, question const&) {
        hold.wait();
        ++handled;
    }));
    host.start();
    auto client = host.connect();
    client.send(numbers(10, question_frame));
    BOOST_REQUIRE(eventually([&] { return host.server.metrics().offload_waiting == 8; }));
    client.reset();
    BOOST_TEST(eventually([&] { return host.server.metrics().released == 1; }));
    host.server.stop();
    std::this_thread::sleep_for(20ms); // all workers have ended
    hold.open();
    host.join();
    BOOST_TEST(handled == 10);
    BOOST_TEST(host.server.metrics().offload_dropped == 0U);
    BOOST_TEST(host.server.metrics().stale_requests == 0U); // there was nothing to send
}

BOOST_AUTO_TEST_CASE(what_still_waits_at_the_stop_deadline_is_dropped_and_counted) {
    with_both_transports([](transport_kind kind) {
        gate hold;
        std::atomic<int> handled{0};
        auto wanted = quiet_options(kind);
        wanted.offload_threads = 1;
        wanted.stop_timeout = 200ms;
        running_server<> host{wanted};
        host.server.on<question>(millipede::offload([&](connection_id, question const& asked) {
            hold.wait();
            ++handled;
            return reply{asked.number};
        }));
        host.start();
        auto client = host.connect();
        client.send(numbers(5, question_frame));
        BOOST_REQUIRE(eventually([&] { return host.server.metrics().offload_waiting == 4; }));
        host.server.stop();
        BOOST_TEST(client.read_to_end().bytes.empty());
        client.close();
        // The one that runs is waited for.
        BOOST_TEST(eventually([&] { return host.server.metrics().offload_dropped == 4; }));
        BOOST_TEST(!host.ended);
        hold.open();
        host.join();
        BOOST_TEST(handled == 1);
        auto sums = host.server.metrics();
        BOOST_TEST(sums.cut == 1U);
        BOOST_TEST(sums.stale_requests == 1U);
        BOOST_TEST(sums.offload_waiting == 0U);
        BOOST_TEST(host.server.drained().cut == 1U);
        BOOST_TEST(host.server.drained().requests_dropped == 4U);
    });
}

BOOST_AUTO_TEST_CASE(a_handler_that_never_ends_cannot_hold_the_process) {
    auto stuck = [](bool runs) {
        return test::in_child([runs] {
            auto wanted = quiet_options();
            wanted.stop_timeout = 50ms;
            gate hold;
            running_server<> host{wanted};
            host.server.on(1, millipede::offload([&](connection_id, frame const&) {
                               hold.wait();
                               ::_exit(9); // nobody waited that long
                           }));
            host.server.start();
            auto client = host.connect();
            client.send(test::frame(1));
            if (!runs) return 7; // its destructor accepts the client, and ends the process
            host.run();
            if (!hold.met(1)) return 8;
            host.stop();
            return 7;
        });
    };
    BOOST_TEST(stuck(true) == EXIT_FAILURE);
    BOOST_TEST(stuck(false) == EXIT_FAILURE); // in the destructor
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) // they need the address space
BOOST_AUTO_TEST_CASE(a_start_without_threads_for_the_pool_fails_and_can_be_tried_again) {
    auto code = test::in_child([] {
        auto wanted = quiet_options();
        wanted.offload_threads = 256;
        running_server<> host{wanted};
        host.server.on<question>(millipede::offload(
            [](connection_id, question const& asked) { return reply{asked.number}; }));
        std::ifstream file{"/proc/self/statm"};
        std::uint64_t pages = 0;
        file >> pages;
        rlimit before{};
        ::getrlimit(RLIMIT_AS, &before);
        auto tight = before; // too tight for 256 stacks
        tight.rlim_cur = pages * 4'096 + 300'000'000;
        ::setrlimit(RLIMIT_AS, &tight);
        try {
            host.server.start();
            return 2;
        } catch (std::system_error const&) {
        }
        ::setrlimit(RLIMIT_AS, &before);
        host.start();
        auto client = host.connect();
        client.send(question_frame(1));
        return client.read_frame() == reply_frame(1) ? 0 : 3;
    });
    BOOST_TEST(code == 0);
}
#endif

BOOST_AUTO_TEST_SUITE_END()
