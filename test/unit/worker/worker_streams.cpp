// SPDX-License-Identifier: BSL-1.0
// A worker without a thread, and connections over streams that can be cut and made to fail.
#include <millipede/worker/dispatcher.hpp>
#include <millipede/worker/stream_transport.hpp>
#include <millipede/worker/worker.hpp>

#include "support/memory_stream.hpp"
#include "support/printing.hpp"
#include "support/wait.hpp"
#include "support/wire.hpp"

#include <boost/test/unit_test.hpp>

#include <array>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

BOOST_AUTO_TEST_SUITE(worker_streams)

namespace {

using namespace std::chrono_literals;
using millipede::close_reason;
using millipede::connection_id;
using millipede::errc;
using millipede::error_code;
using millipede::frame;
using state = millipede::detail::connection_record::state;
using carrier = millipede::detail::stream_transport<test::memory_stream, test::memory_ends>;

constexpr std::uint16_t echo = 0x0001;
constexpr std::uint16_t count = 0x0002; // answers with the number of messages so far
constexpr std::uint16_t leave = 0x0003; // answers and closes
constexpr std::uint16_t fail = 0x0004;  // throws
constexpr std::uint16_t rest = 0x0005;  // pauses
constexpr std::uint16_t unknown = 0x0006;

struct session {
    session() noexcept { ++alive; }
    session(session const&) = delete;
    ~session() { --alive; }
    std::uint32_t messages = 0;
    std::string last; // something that leaks when it is not destroyed
    static inline int alive = 0;
};

millipede::options small_options() {
    millipede::options limits;
    limits.workers = 1;
    limits.connections_per_worker = 2;
    limits.linger_timeout = 20ms;
    limits.idle_timeout = 0ms;
    return limits;
}

struct bench {
    using dispatcher_type = millipede::detail::dispatcher<session, millipede::frame_codec>;
    using connection_type = dispatcher_type::connection_type;

    explicit bench(millipede::options wanted = small_options()) : limits{std::move(wanted)} {
        millipede::set_log_level(millipede::fatal);
        speaker.handler_of(echo) = [](connection_type& connection, frame const& message) {
            ++connection->messages;
            connection->last = test::text_of(message.whole);
            connection.send(message);
        };
        speaker.handler_of(count) = [](connection_type& connection, frame const&) {
            connection.send_bytes(
                test::bytes_of(test::frame(count, test::number(++connection->messages))));
        };
        speaker.handler_of(leave) = [](connection_type& connection, frame const& message) {
            connection.send(message);
            connection.close();
        };
        speaker.handler_of(fail) = [](connection_type&, frame const&) {
            throw std::runtime_error{"as asked"};
        };
        speaker.handler_of(rest) = [](connection_type& connection, frame const&) {
            connection.pause_receiving();
        };
        speaker.open_handler = [this](connection_type& connection) {
            ids.push_back(connection.id());
            if (on_open) on_open(connection);
        };
        speaker.close_handler = [this](connection_type& connection, error_code const& reason) {
            BOOST_TEST(!connection.send_bytes(test::bytes_of("late")));
            endings.push_back(reason);
        };
        subject.begin();
    }
    ~bench() { millipede::set_log_level(millipede::info); }

    std::shared_ptr<test::memory_pipe> adopt() {
        auto pipe = std::make_shared<test::memory_pipe>(subject.context());
        adopt(pipe);
        return pipe;
    }
    millipede::detail::connection_record* adopt(std::shared_ptr<test::memory_pipe> pipe) {
        return subject.adopt(
            std::make_unique<carrier>(test::memory_stream{subject.context(), std::move(pipe)}), 0);
    }
    void run() {
        while (subject.context().poll() != 0) {
        }
    }
    template <class Condition>
    bool run_until(Condition condition) {
        return test::eventually([&] {
            run();
            return condition();
        });
    }
    std::uint32_t in_use() { return subject.pool().all().in_use(); }

    void check_all_given_back() {
        BOOST_TEST(run_until([&] { return in_use() == 0; }));
        BOOST_TEST(subject.pool().budget().used_bytes() == 0U);
        BOOST_TEST(session::alive == 0);
        auto const& counters = subject.counters();
        BOOST_TEST(counters.opened.load() == ids.size());
        BOOST_TEST(counters.closed.load() == ids.size());
        BOOST_TEST(endings.size() == ids.size());
    }

    millipede::options limits;
    dispatcher_type speaker{millipede::frame_codec{}};
    std::array<millipede::detail::protocol*, 1> protocols{&speaker};
    std::vector<connection_id> ids;
    std::vector<error_code> endings;
    std::function<void(connection_type&)> on_open;
    millipede::detail::worker subject{0, limits, protocols};
};

// A conversation with frames of several sizes, and what is to be answered.
std::string conversation() {
    return test::frame(echo) + test::frame(count) + test::frame(echo, "a") +
           test::frame(echo, std::string(600, 'b')) + test::frame(count);
}
std::string answers() {
    return test::frame(echo) + test::frame(count, test::number(2)) + test::frame(echo, "a") +
           test::frame(echo, std::string(600, 'b')) + test::frame(count, test::number(5));
}

} // namespace

BOOST_AUTO_TEST_CASE(a_stream_cut_at_every_byte_gives_the_same_replies) {
    auto const sent = conversation();
    bench subject;
    for (std::size_t cut = 0; cut <= sent.size(); ++cut) {
        auto pipe = subject.adopt();
        pipe->deliver(sent.substr(0, cut));
        subject.run();
        pipe->deliver(sent.substr(cut));
        subject.run();
        BOOST_REQUIRE((pipe->written == answers()));
        pipe->end_input();
        subject.run();
        BOOST_REQUIRE(pipe->closed);
    }
    subject.check_all_given_back();
}

BOOST_AUTO_TEST_CASE(a_stream_in_pieces_of_any_size_gives_the_same_replies) {
    auto const sent = conversation() + test::frame(echo, std::string(9'000, 'c'));
    auto const wanted = answers() + test::frame(echo, std::string(9'000, 'c'));
    bench subject;
    for (std::size_t piece : {1U, 2U, 3U, 7U, 8U, 9U, 100U, 511U, 4'096U}) {
        auto pipe = subject.adopt();
        for (std::size_t at = 0; at < sent.size(); at += piece)
            pipe->deliver(sent.substr(at, piece));
        subject.run();
        BOOST_TEST((pipe->written == wanted));
        pipe->end_input();
        subject.run();
        BOOST_TEST(pipe->closed);
    }
    subject.check_all_given_back();
}

BOOST_AUTO_TEST_CASE(writes_taken_one_byte_at_a_time_arrive_whole) {
    bench subject;
    auto pipe = subject.adopt();
    pipe->write_max = 1;
    std::string wanted;
    for (int times = 0; times < 20; ++times) {
        auto message = test::frame(echo, "x" + std::to_string(times));
        pipe->deliver(message);
        wanted += message;
    }
    pipe->end_input();
    subject.run();
    BOOST_TEST((pipe->written == wanted));
    BOOST_TEST(pipe->closed);
    subject.check_all_given_back();
}

BOOST_AUTO_TEST_CASE(while_the_peer_takes_nothing_no_message_is_handled_and_none_is_lost) {
    bench subject;
    auto pipe = subject.adopt();
    pipe->hold_writes();
    std::string wanted;
    for (std::uint32_t times = 1; times <= 50; ++times) {
        pipe->deliver(test::frame(count));
        subject.run();
        wanted += test::frame(count, test::number(times));
    }
    BOOST_TEST(subject.subject.counters().messages_received.load() < 5U);
    pipe->end_input();
    subject.run();
    pipe->take_writes();
    subject.run();
    BOOST_TEST((pipe->written == wanted));
    BOOST_TEST(pipe->closed);
    subject.check_all_given_back();
    BOOST_TEST(subject.endings[0] == errc::closed_by_peer);
}

// The whole life of a connection, with an error in place of each of its operations in turn.
BOOST_AUTO_TEST_CASE(whatever_operation_fails_the_connection_ends_once_and_gives_all_back) {
    auto live = [](bench& subject, std::size_t fails_at) {
        auto pipe = std::make_shared<test::memory_pipe>(subject.subject.context());
        pipe->fails_at = fails_at;
        pipe->write_max = 100;
        subject.adopt(pipe);
        auto const sent = conversation();
        for (std::size_t at = 0; at < sent.size(); at += 50) {
            pipe->deliver(sent.substr(at, 50));
            subject.run();
        }
        // With all operations behind us the connection must know, even if the peer stays.
        bool knew = pipe->closed;
        pipe->end_input();
        subject.run();
        BOOST_TEST(pipe->closed);
        return std::pair{pipe, knew};
    };
    bench whole;
    auto operations = live(whole, 0).first->operations;
    BOOST_TEST(operations > 20U);
    whole.check_all_given_back();
    for (std::size_t failing = 1; failing <= operations; ++failing) {
        BOOST_TEST_CONTEXT("operation " << failing << " of " << operations) {
            bench subject;
            auto [pipe, knew] = live(subject, failing);
            BOOST_TEST(knew);
            BOOST_TEST((answers().compare(0, pipe->written.size(), pipe->written) == 0));
            subject.check_all_given_back();
            BOOST_REQUIRE(subject.endings.size() == 1U);
            BOOST_TEST(subject.endings[0] == boost::asio::error::connection_reset);
            BOOST_TEST(subject.endings[0] == close_reason::error);
            BOOST_TEST(subject.subject.counters().errors.load() == 1U);
        }
    }
}

BOOST_AUTO_TEST_CASE(whatever_operation_fails_while_it_is_being_closed_all_is_given_back) {
    for (std::size_t failing = 1; failing <= 8; ++failing) {
        BOOST_TEST_CONTEXT("operation " << failing) {
            bench subject;
            auto pipe = std::make_shared<test::memory_pipe>(subject.subject.context());
            pipe->fails_at = failing;
            pipe->write_max = 2;
            subject.adopt(pipe);
            pipe->deliver(test::frame(leave, "bye") + test::frame(echo, "never"));
            subject.run();
            pipe->end_input();
            subject.check_all_given_back();
            BOOST_TEST(pipe->closed);
        }
    }
}

BOOST_AUTO_TEST_CASE(whatever_operation_cannot_begin_for_want_of_memory_ends_the_connection) {
    auto live = [](bench& subject, std::size_t throws_at) {
        auto pipe = std::make_shared<test::memory_pipe>(subject.subject.context());
        pipe->throws_at = throws_at;
        pipe->write_max = 100;
        subject.adopt(pipe);
        auto const sent = conversation();
        for (std::size_t at = 0; at < sent.size(); at += 50) {
            pipe->deliver(sent.substr(at, 50));
            subject.run();
        }
        return pipe;
    };
    std::size_t operations = 0;
    {
        bench whole;
        operations = live(whole, 0)->operations;
    }
    for (std::size_t failing = 1; failing <= operations; ++failing) {
        BOOST_TEST_CONTEXT("operation " << failing << " of " << operations) {
            bench subject;
            auto pipe = live(subject, failing);
            BOOST_TEST(pipe.use_count() == 1); // nothing was kept
            BOOST_TEST((answers().compare(0, pipe->written.size(), pipe->written) == 0));
            subject.check_all_given_back();
            auto const& counters = subject.subject.counters();
            BOOST_TEST(counters.released.load() == 1U);
            if (failing == 1) { // it could not be adopted
                BOOST_TEST(subject.endings.empty());
                BOOST_TEST(counters.accept_failures.load() == 1U);
            } else {
                BOOST_REQUIRE(subject.endings.size() == 1U);
                BOOST_TEST(subject.endings[0] == boost::asio::error::no_memory);
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(the_reason_of_the_end_is_the_right_one) {
    auto ending_after = [](std::string_view input, bool then_ends = false) {
        bench subject;
        auto pipe = subject.adopt();
        pipe->deliver(input);
        subject.run();
        if (then_ends) pipe->end_input();
        subject.run();
        BOOST_TEST_REQUIRE(subject.endings.size() == 1U);
        auto reason = subject.endings[0];
        pipe->end_input();
        subject.check_all_given_back();
        return reason;
    };
    auto bad_magic = test::frame(echo);
    bad_magic[3] = '\0';
    auto bad_size = test::frame(echo);
    bad_size[4] = 7;
    BOOST_TEST(ending_after("", true) == errc::closed_by_peer);
    BOOST_TEST(ending_after(test::frame(echo) + "\xf7", true) == errc::closed_by_peer);
    BOOST_TEST(ending_after(bad_magic) == errc::bad_magic);
    BOOST_TEST(ending_after(bad_size) == errc::bad_size);
    BOOST_TEST(ending_after(test::frame(unknown)) == errc::unknown_command);
    BOOST_TEST(ending_after(test::frame(0xfffc)) == errc::unknown_command);
    BOOST_TEST(ending_after(test::frame(leave)) == errc::closed_by_server);
    BOOST_TEST(ending_after(test::frame(fail)) == errc::handler_failed);
}

BOOST_AUTO_TEST_CASE(replies_before_a_refused_frame_arrive_then_the_end) {
    for (auto bad : {std::string(8, '\0'), test::frame(unknown), test::frame(fail)}) {
        bench subject;
        auto pipe = subject.adopt();
        pipe->write_max = 3;
        pipe->deliver(test::frame(echo, "good") + bad + test::frame(echo, "never"));
        subject.run();
        BOOST_TEST((pipe->written == test::frame(echo, "good")));
        BOOST_TEST(pipe->output_ended);
        pipe->end_input();
        subject.check_all_given_back();
    }
}

BOOST_AUTO_TEST_CASE(a_peer_that_does_not_end_after_the_last_byte_is_waited_for_so_long_only) {
    bench subject;
    auto pipe = subject.adopt();
    pipe->deliver(test::frame(leave));
    subject.run();
    BOOST_TEST(pipe->output_ended);
    BOOST_TEST(!pipe->closed);
    BOOST_TEST(subject.in_use() == 1U);
    pipe->deliver("thrown away");
    subject.check_all_given_back();
    BOOST_TEST(pipe->closed);
}

BOOST_AUTO_TEST_CASE(a_peer_that_takes_nothing_of_the_last_reply_meets_the_write_timeout) {
    auto limits = small_options();
    limits.write_timeout = 80ms;
    bench subject{limits};
    auto pipe = subject.adopt();
    pipe->hold_writes();
    pipe->deliver(test::frame(leave));
    subject.run();
    BOOST_TEST(subject.endings.size() == 1U);
    subject.check_all_given_back();
    BOOST_TEST(subject.subject.counters().cut.load() == 1U);
}

BOOST_AUTO_TEST_CASE(a_peer_that_takes_nothing_meets_the_write_timeout) {
    auto limits = small_options();
    limits.write_timeout = 80ms;
    bench subject{limits};
    auto pipe = subject.adopt();
    pipe->hold_writes();
    pipe->deliver(test::frame(echo));
    subject.run();
    pipe->deliver(test::frame(echo));
    subject.check_all_given_back();
    BOOST_TEST(subject.endings[0] == errc::write_timeout);
}

// "Closes a connection whose peer took none of the waiting output for so long."
BOOST_AUTO_TEST_CASE(a_peer_that_takes_some_of_the_output_does_not_meet_the_write_timeout) {
    auto limits = small_options();
    limits.write_timeout = 400ms;
    bench subject{limits};
    auto pipe = subject.adopt();
    pipe->write_max = 1;
    pipe->hold_writes();
    auto request = test::frame(echo, std::string(32, 'x'));
    pipe->deliver(request + request);
    pipe->deliver(request);
    auto begin = std::chrono::steady_clock::now();
    while (std::chrono::steady_clock::now() < begin + 900ms) {
        subject.run();
        pipe->take_writes(); // one byte ...
        pipe->hold_writes(); // ... and no more
        std::this_thread::sleep_for(10ms);
    }
    BOOST_TEST(subject.endings.empty());
}

BOOST_AUTO_TEST_CASE(a_full_pool_closes_the_newcomer) {
    bench subject;
    auto first = subject.adopt();
    auto second = subject.adopt();
    auto third = std::make_shared<test::memory_pipe>(subject.subject.context());
    BOOST_TEST(subject.adopt(third) == nullptr);
    BOOST_TEST(third.use_count() == 1);
    BOOST_TEST(subject.subject.counters().full.load() == 1U);
    BOOST_TEST(subject.ids.size() == 2U);
    first->end_input();
    subject.run();
    BOOST_TEST(subject.adopt(third) != nullptr);
    second->end_input();
    third->end_input();
    subject.check_all_given_back();
}

BOOST_AUTO_TEST_CASE(a_connection_in_a_reused_slot_sees_nothing_of_the_one_before) {
    bench subject;
    auto first = subject.adopt();
    first->hold_writes();
    // Messages handled, half a frame waiting, output waiting: then it breaks.
    first->deliver(test::frame(count) + test::frame(count));
    first->deliver(test::frame(echo, "secret").substr(0, 11));
    subject.run();
    first->close();
    subject.run();
    BOOST_TEST(subject.in_use() == 0U);
    BOOST_TEST(subject.subject.pool().budget().used_bytes() == 0U);

    auto second = subject.adopt();
    BOOST_TEST(subject.ids[0].slot() == subject.ids[1].slot());
    BOOST_TEST((subject.ids[0] != subject.ids[1]));
    second->deliver(test::frame(count));
    subject.run();
    BOOST_TEST((second->written == test::frame(count, test::number(1))));
    BOOST_TEST(!subject.subject.with(subject.ids[0], [](auto&) { BOOST_ERROR("a stranger"); }));
    BOOST_TEST(subject.subject.send(subject.ids[0], millipede::payload{test::bytes_of("x")}) ==
               errc::stale_connection);
    BOOST_TEST(subject.subject.counters().stale_requests.load() == 2U);
    second->end_input();
    subject.check_all_given_back();
}

BOOST_AUTO_TEST_CASE(a_pause_keeps_what_was_read_and_what_comes_and_the_end) {
    bench subject;
    auto pipe = subject.adopt();
    pipe->deliver(test::frame(count) + test::frame(rest) + test::frame(count));
    subject.run();
    pipe->deliver(test::frame(count));
    pipe->end_input();
    subject.run();
    BOOST_TEST((pipe->written == test::frame(count, test::number(1))));
    BOOST_TEST(subject.subject.with(subject.ids[0],
                                    [](auto& connection) { connection.resume_receiving(); }));
    subject.run();
    BOOST_TEST((pipe->written == test::frame(count, test::number(1)) +
                                     test::frame(count, test::number(2)) +
                                     test::frame(count, test::number(3))));
    subject.check_all_given_back();
    BOOST_TEST(subject.endings[0] == errc::closed_by_peer);
}

BOOST_AUTO_TEST_CASE(handlers_of_on_open_that_fail_or_close_end_the_connection) {
    bench subject;
    subject.on_open = [](auto&) { throw 7; };
    auto first = subject.adopt();
    subject.on_open = [](auto& connection) {
        connection.send_bytes(test::bytes_of("go away"));
        connection.close(errc::bad_message);
    };
    auto second = subject.adopt();
    subject.run();
    BOOST_TEST(second->written == "go away");
    first->end_input();
    second->end_input();
    subject.check_all_given_back();
    BOOST_TEST(subject.endings[0] == errc::handler_failed);
    BOOST_TEST(subject.endings[1] == errc::bad_message);
}

BOOST_AUTO_TEST_CASE(incomplete_frames_beyond_the_budget_are_shed) {
    auto limits = small_options();
    limits.buffer_budget_bytes = 100'000; // one buffer of the largest size, and its growth
    bench subject{limits};
    auto first = subject.adopt();
    auto second = subject.adopt();
    auto large = test::frame(echo, std::string(40'000, 'x'));
    first->deliver(large.substr(0, 30'000));
    subject.run();
    BOOST_TEST(subject.endings.empty());
    second->deliver(large.substr(0, 30'000));
    subject.run();
    BOOST_REQUIRE(subject.endings.size() == 1U);
    BOOST_TEST(subject.endings[0] == errc::buffers_exhausted);
    BOOST_TEST(second->closed);
    first->deliver(large.substr(30'000));
    subject.run();
    BOOST_TEST((first->written == large));
    first->end_input();
    subject.check_all_given_back();
}

BOOST_AUTO_TEST_CASE(a_message_larger_than_the_output_buffer_keeps_its_place) {
    auto limits = small_options();
    limits.scratch_bytes = 4'096;
    limits.output_max_bytes = 1024 * 1024;
    for (bool held : {false, true}) {
        bench subject{limits};
        std::string wanted;
        subject.on_open = [&](auto& connection) {
            for (std::size_t index = 0; index < 40; ++index) {
                auto size = index * 737 % (index < 20 ? 3'000 : 20'000);
                auto letter = static_cast<char>('a' + index % 26);
                auto message = test::frame(echo, std::string(size, letter));
                wanted += message;
                switch (index % 3) {
                case 0:
                    connection.send(millipede::payload{test::bytes_of(message)});
                    break;
                case 1:
                    connection.send_bytes(test::bytes_of(message));
                    break;
                default:
                    connection.send(frame{test::bytes_of(message), echo});
                }
            }
        };
        auto pipe = std::make_shared<test::memory_pipe>(subject.subject.context());
        if (held) pipe->hold_writes();
        subject.adopt(pipe);
        subject.run();
        pipe->take_writes();
        subject.run();
        BOOST_TEST_CONTEXT("held: " << held) {
            BOOST_TEST((pipe->written == wanted));
        }
        pipe->end_input();
        subject.check_all_given_back();
    }
}

// A handler finds what was sent before it and not yet written: that is no reason to wait.
BOOST_AUTO_TEST_CASE(a_handler_behind_a_send_does_not_wait_for_an_edge_that_never_comes) {
    bench subject;
    auto pipe = subject.adopt();
    subject.run();
    for (int times = 0; times < 3; ++times) {
        pipe->written.clear();
        subject.subject.send(subject.ids[0], millipede::payload{test::bytes_of("sent,")});
        subject.subject.with(subject.ids[0], [](auto& connection) {
            connection.send_bytes(test::bytes_of("said;"));
        });
        subject.run();
        BOOST_TEST(pipe->written == "sent,said;");
    }
    pipe->end_input();
    subject.check_all_given_back();
}

// The bound is for peers that do not take their output, not for bursts to those that do.
BOOST_AUTO_TEST_CASE(a_burst_larger_than_the_bound_to_a_peer_that_takes_it_is_sent) {
    auto limits = small_options();
    limits.output_max_bytes = 10'000;
    bench subject{limits};
    auto pipe = subject.adopt();
    subject.run();
    auto message = test::frame(echo, std::string(992, 'x'));
    // What the stream takes at once (64 KiB) makes room for as much again.
    for (int times = 0; times < 18; ++times)
        subject.subject.send(subject.ids[0], millipede::payload{test::bytes_of(message)});
    subject.run();
    BOOST_TEST(subject.endings.empty());
    BOOST_TEST(pipe->written.size() == 18'000U);
    pipe->end_input();
    subject.check_all_given_back();
}

// Activity is known to the tick only: a timeout may come late by one, never early.
BOOST_AUTO_TEST_CASE(the_idle_timeout_never_comes_too_early) {
    auto limits = small_options();
    limits.idle_timeout = 400ms; // ticks of 50 ms
    limits.linger_timeout = 1s;
    bench subject{limits};
    auto pipe = subject.adopt();
    subject.run();
    std::this_thread::sleep_for(40ms); // late in the first tick
    auto active = std::chrono::steady_clock::now();
    pipe->deliver(test::frame(count));
    subject.run();
    BOOST_TEST(subject.run_until([&] { return !subject.endings.empty(); }));
    auto idle = std::chrono::steady_clock::now() - active;
    BOOST_TEST((idle >= 400ms));
    BOOST_TEST(subject.endings[0] == errc::idle_timeout);
    subject.check_all_given_back();
}

BOOST_AUTO_TEST_CASE(what_is_sent_does_not_put_off_the_idle_timeout) {
    auto limits = small_options();
    limits.idle_timeout = 160ms;
    bench subject{limits};
    auto pipe = subject.adopt();
    auto begin = std::chrono::steady_clock::now();
    while (subject.endings.empty() && std::chrono::steady_clock::now() < begin + test::patience) {
        subject.subject.send(subject.ids[0], millipede::payload{test::bytes_of("push")});
        subject.run();
        std::this_thread::sleep_for(5ms);
    }
    BOOST_REQUIRE(subject.endings.size() == 1U);
    BOOST_TEST(subject.endings[0] == errc::idle_timeout);
}

BOOST_AUTO_TEST_CASE(stopping_answers_what_was_received_and_ends) {
    bench subject;
    auto pipe = subject.adopt();
    pipe->write_max = 5;
    subject.run();
    pipe->deliver(test::frame(count) + test::frame(count));
    subject.run();
    subject.subject.stop();
    subject.run();
    BOOST_TEST((pipe->written ==
                test::frame(count, test::number(1)) + test::frame(count, test::number(2))));
    BOOST_TEST(pipe->output_ended);
    BOOST_REQUIRE(subject.endings.size() == 1U);
    BOOST_TEST(subject.endings[0] == errc::stopping);
    pipe->end_input();
    subject.run();
    BOOST_TEST(subject.subject.context().stopped());
    BOOST_TEST(subject.in_use() == 0U);
}

BOOST_AUTO_TEST_CASE(a_stop_cuts_a_spread_end_short_whether_that_was_begun_or_not) {
    for (bool begun : {false, true}) {
        bench subject;
        auto first = subject.adopt();
        auto second = subject.adopt();
        subject.run();
        subject.subject.stop({.deadline = 30s, .window = 20s});
        if (begun) subject.run();
        BOOST_TEST(subject.endings.size() < 2U);
        subject.subject.stop();
        subject.subject.stop(); // once more changes nothing
        subject.run();
        BOOST_TEST(subject.endings.size() == 2U);
        for (auto const& pipe : {first, second})
            pipe->end_input();
        subject.run();
        BOOST_TEST(subject.subject.context().stopped());
    }
}

BOOST_AUTO_TEST_CASE(a_deadline_that_comes_nearer_cuts) {
    bench subject;
    auto pipe = subject.adopt();
    pipe->hold_writes();
    subject.run();
    pipe->deliver(test::frame(count));
    subject.run();
    subject.subject.stop({.deadline = 30s});
    subject.run();
    BOOST_TEST(!subject.subject.context().stopped());
    subject.subject.stop({.deadline = 20ms});
    BOOST_TEST(subject.run_until([&] { return subject.subject.context().stopped(); }));
    BOOST_TEST(subject.in_use() == 0U);
}

BOOST_AUTO_TEST_CASE(a_worker_destroyed_with_connections_ends_them) {
    {
        bench subject;
        auto first = subject.adopt();
        auto second = subject.adopt();
        second->hold_writes();
        second->deliver(test::frame(echo) + test::frame(echo));
        first->deliver(test::frame(echo, "half").substr(0, 9));
        subject.run();
        BOOST_TEST(session::alive == 2);
    }
    BOOST_TEST(session::alive == 0);
}

BOOST_AUTO_TEST_SUITE_END()
