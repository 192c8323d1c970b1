// SPDX-License-Identifier: BSL-1.0
// A worker without a thread, and peers that do not take what is sent to them: what is dropped, who
// is told, and who is shed.
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
#include <utility>
#include <vector>

BOOST_AUTO_TEST_SUITE(worker_overflow)

namespace {

using namespace std::chrono_literals;
using millipede::connection_id;
using millipede::errc;
using millipede::error_code;
using millipede::frame;
using millipede::overflow_event;
using millipede::overflow_policy;
using millipede::payload;
using millipede::detail::output_budget;
using millipede::detail::write_queue;
using carrier = millipede::detail::stream_transport<test::memory_stream, test::memory_ends>;

constexpr std::uint16_t leave = 1;
constexpr std::size_t taken_by_stream = 64 * 1024; // a stream_transport takes so much by itself
constexpr auto entry = write_queue::entry_bytes;

payload payload_of(std::string const& text) {
    return payload{test::bytes_of(text)};
}

millipede::options small_options() {
    millipede::options limits;
    limits.workers = 1;
    limits.connections_per_worker = 16;
    limits.linger_timeout = 20ms;
    limits.output_max_bytes = 1'000;
    return limits;
}

struct bench {
    using dispatcher_type =
        millipede::detail::dispatcher<millipede::no_session, millipede::frame_codec>;
    using connection_type = dispatcher_type::connection_type;
    struct told {
        connection_id id;
        overflow_event event;
    };
    struct ending {
        connection_id id;
        error_code reason;
    };

    explicit bench(millipede::options wanted = small_options(), output_budget* all = nullptr)
        : limits{std::move(wanted)}, subject{0, limits, protocols, {}, all} {
        millipede::set_log_level(millipede::fatal);
        speaker.handler_of(leave) = [](connection_type& connection, frame const&) {
            connection.close();
        };
        speaker.open_handler = [this](connection_type& connection) {
            ids.push_back(connection.id());
        };
        speaker.overflow_handler = [this](connection_type& connection,
                                          overflow_event const& event) {
            events.push_back({connection.id(), event});
            if (on_overflow) on_overflow(connection);
        };
        speaker.close_handler = [this](connection_type& connection, error_code const& reason) {
            endings.push_back({connection.id(), reason});
        };
        subject.begin();
    }
    ~bench() { millipede::set_log_level(millipede::info); }

    // One whose peer takes nothing from now on. What is sent next waits in its queue.
    std::shared_ptr<test::memory_pipe> adopt_blocked() {
        auto pipe = std::make_shared<test::memory_pipe>(subject.context());
        pipe->hold_writes();
        subject.adopt(std::make_unique<carrier>(test::memory_stream{subject.context(), pipe}), 0);
        BOOST_TEST(!send(ids.size() - 1, std::string(taken_by_stream, '-')));
        run();
        return pipe;
    }
    error_code send(std::size_t which, std::string const& text,
                    std::optional<overflow_policy> policy = std::nullopt) {
        return subject.send(ids.at(which), payload_of(text), policy.value_or(limits.overflow));
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
    // What reaches the peer when it takes all, behind what the stream had taken.
    std::string received(test::memory_pipe& pipe) {
        pipe.take_writes();
        run();
        return pipe.written.substr(taken_by_stream);
    }
    std::size_t budget_used() { return subject.pool().budget().used_bytes(); }
    millipede::worker_metrics const& counters() { return subject.counters(); }

    millipede::options limits;
    dispatcher_type speaker{millipede::frame_codec{}};
    std::array<millipede::detail::protocol*, 1> protocols{&speaker};
    std::vector<connection_id> ids;
    std::vector<told> events;
    std::vector<ending> endings;
    std::function<void(connection_type&)> on_overflow;
    millipede::detail::worker subject;
};

std::string text(char letter, std::size_t size = 300) {
    return std::string(size, letter);
}

} // namespace

BOOST_AUTO_TEST_CASE(a_message_may_be_sent_to_be_dropped_when_it_is_the_newest) {
    bench the; // whose policy is to close
    auto pipe = the.adopt_blocked();
    BOOST_TEST(!the.send(0, text('a', 400), overflow_policy::drop_newest));
    the.run();
    BOOST_TEST(!the.send(0, text('b', 400), overflow_policy::drop_newest));
    BOOST_TEST(the.send(0, text('c', 400), overflow_policy::drop_newest) == errc::output_full);
    BOOST_TEST(the.events.empty()); // not from inside of send
    the.run();
    BOOST_REQUIRE(the.events.size() == 1U);
    BOOST_TEST((the.events[0].id == the.ids[0]));
    auto event = the.events[0].event;
    BOOST_TEST((event.policy == overflow_policy::drop_newest));
    BOOST_TEST(event.messages == 1U);
    BOOST_TEST(event.bytes == 400U);
    BOOST_TEST(event.held_bytes == 2 * (400 + entry));
    BOOST_TEST(the.counters().messages_dropped.load() == 1U);
    BOOST_TEST(the.counters().bytes_dropped.load() == 400U);
    BOOST_TEST(the.counters().messages_dropped_newest.load() == 1U);
    BOOST_TEST(the.counters().messages_dropped_oldest.load() == 0U);
    BOOST_TEST(the.counters().output_held_bytes.load() == 2 * (400 + entry));
    BOOST_TEST(the.endings.empty());
    BOOST_TEST((the.received(*pipe) == text('a', 400) + text('b', 400)));
    BOOST_TEST(the.counters().output_held_bytes.load() == 0U);
}

BOOST_AUTO_TEST_CASE(only_what_was_sent_to_be_dropped_is_dropped_for_later_messages) {
    bench the;
    auto pipe = the.adopt_blocked();
    auto oldest = overflow_policy::drop_oldest;
    BOOST_TEST(!the.send(0, text('a', 200)));
    the.run();
    BOOST_TEST(!the.send(0, text('b', 200), oldest));
    BOOST_TEST(!the.send(0, text('c', 200), overflow_policy::drop_newest));
    BOOST_TEST(!the.send(0, text('d', 200), oldest)); // for b
    BOOST_TEST(!the.send(0, text('e', 400), oldest)); // for d
    the.run();
    BOOST_REQUIRE(the.events.size() == 1U);
    BOOST_TEST((the.events[0].event.policy == oldest));
    BOOST_TEST(the.counters().messages_dropped_oldest.load() == the.events[0].event.messages);
    BOOST_TEST(the.events[0].event.messages == 2U);
    BOOST_TEST(the.events[0].event.bytes == 400U);
    BOOST_TEST((the.received(*pipe) == text('a', 200) + text('c', 200) + text('e', 400)));
}

BOOST_AUTO_TEST_CASE(when_nothing_may_be_dropped_for_it_the_new_message_is) {
    bench the;
    auto pipe = the.adopt_blocked();
    BOOST_TEST(!the.send(0, text('a', 600)));
    the.run();
    BOOST_TEST(the.send(0, text('b', 600), overflow_policy::drop_oldest) == errc::output_full);
    BOOST_TEST(the.counters().messages_dropped_oldest.load() == 1U);
    BOOST_TEST((the.received(*pipe) == text('a', 600)));
}

BOOST_AUTO_TEST_CASE(a_message_may_be_sent_to_close_where_others_are_dropped) {
    auto limits = small_options();
    limits.overflow = overflow_policy::drop_newest;
    bench the{limits};
    auto pipe = the.adopt_blocked();
    BOOST_TEST(!the.send(0, text('a', 600)));
    the.run();
    BOOST_TEST(the.send(0, text('b', 600)) == errc::output_full);
    the.run();
    BOOST_TEST(the.endings.empty());
    BOOST_TEST(the.send(0, text('c', 600), overflow_policy::close) == errc::output_full);
    the.run();
    BOOST_REQUIRE(the.endings.size() == 1U);
    BOOST_TEST(the.endings[0].reason == errc::output_full);
    BOOST_TEST(the.counters().bytes_shed.load() == 600U); // a, which was waiting
    BOOST_TEST(the.counters().shed.load() == 1U);
    BOOST_TEST(the.counters().shed_for_budget.load() == 0U);
    BOOST_TEST(the.counters().messages_dropped.load() == 1U);
    BOOST_TEST(pipe->closed);
    BOOST_TEST(the.budget_used() == 0U);
}

BOOST_AUTO_TEST_CASE(drops_of_one_turn_are_told_together_and_those_of_the_next_anew) {
    bench the;
    auto pipe = the.adopt_blocked();
    for (std::uint64_t turn = 1; turn <= 2; ++turn) {
        for (int times = 0; times < 12; ++times)
            the.send(0, text('x', 100), overflow_policy::drop_newest);
        the.run();
        BOOST_REQUIRE(the.events.size() == turn);
        auto dropped = turn == 1 ? 6U : 12U; // six fit
        BOOST_TEST(the.events.back().event.messages == dropped);
        BOOST_TEST(the.events.back().event.bytes == dropped * 100U);
    }
}

BOOST_AUTO_TEST_CASE(a_connection_without_an_overflow_handler_goes_on) {
    bench the;
    the.speaker.overflow_handler = nullptr;
    auto pipe = the.adopt_blocked();
    for (int times = 0; times < 12; ++times)
        the.send(0, text('x', 100), overflow_policy::drop_newest);
    the.run();
    BOOST_TEST(the.counters().messages_dropped.load() == 6U);
    BOOST_TEST((the.received(*pipe) == text('x', 600)));
    BOOST_TEST(the.endings.empty());
}

BOOST_AUTO_TEST_CASE(what_overflow_handlers_send_in_vain_is_counted_and_not_told_again) {
    bench the;
    auto first = the.adopt_blocked();
    auto second = the.adopt_blocked();
    for (std::size_t which : {0U, 1U}) {
        BOOST_TEST(!the.send(which, text('x', 900)));
        the.run();
    }
    int refused = 0;
    the.on_overflow = [&](bench::connection_type& connection) { // to itself and to the other one
        refused += connection.send(payload_of(text('y')), overflow_policy::drop_newest) ? 0 : 1;
        for (std::size_t which : {0U, 1U})
            refused += the.send(which, text('y'), overflow_policy::drop_newest) ? 1 : 0;
    };
    the.send(0, text('y'), overflow_policy::drop_newest);
    the.run();
    BOOST_TEST(refused == 3);
    BOOST_TEST(the.events.size() == 1U);
    BOOST_TEST(the.counters().messages_dropped.load() == 4U);
    the.send(1, text('y'), overflow_policy::drop_newest);
    the.run();
    BOOST_REQUIRE(the.events.size() == 2U);
    BOOST_TEST((the.events[1].id == the.ids[1]));
    BOOST_TEST(the.events[1].event.messages == 1U);
}

BOOST_AUTO_TEST_CASE(an_overflow_handler_may_close_or_fail) {
    for (bool fails : {false, true}) {
        bench the;
        the.adopt_blocked();
        BOOST_TEST(!the.send(0, text('x', 900)));
        the.run();
        the.on_overflow = [&](bench::connection_type& connection) {
            if (fails) throw std::runtime_error{"as asked"};
            connection.close(errc::output_full);
        };
        the.send(0, text('y'), overflow_policy::drop_newest);
        the.run();
        BOOST_REQUIRE(the.endings.size() == 1U);
        BOOST_TEST(the.endings[0].reason == (fails ? errc::handler_failed : errc::output_full));
    }
}

BOOST_AUTO_TEST_CASE(a_worker_without_buffers_does_as_the_policy_says) {
    auto limits = small_options();
    limits.output_max_bytes = 1'000'000;
    limits.buffer_budget_bytes = 70'000;
    bench the{limits};
    auto pipe = the.adopt_blocked();
    // All in one turn, in which nobody is shed.
    BOOST_TEST(!the.send(0, text('a', 60'000)));
    for (auto policy : {overflow_policy::drop_newest, overflow_policy::drop_oldest})
        BOOST_TEST(the.send(0, text('b', 20'000), policy) == errc::output_full);
    BOOST_TEST(the.counters().messages_dropped_newest.load() == 1U);
    BOOST_TEST(the.counters().messages_dropped_oldest.load() == 1U);
    BOOST_TEST(the.budget_used() == 60'000 + entry);
    BOOST_TEST(the.send(0, text('c', 20'000), overflow_policy::close) == errc::output_full);
    the.run();
    BOOST_REQUIRE(the.endings.size() == 1U);
    BOOST_TEST(the.endings[0].reason == errc::buffers_exhausted);
    BOOST_TEST(the.budget_used() == 0U);
}

namespace {

millipede::options roomy_options() {
    auto limits = small_options();
    limits.output_max_bytes = 10'000'000;
    return limits;
}

} // namespace

BOOST_AUTO_TEST_CASE(when_all_hold_too_much_those_with_the_most_are_shed_first) {
    output_budget all{200'000, 1, [](auto) {}};
    bench the{roomy_options(), &all};
    std::vector<std::shared_ptr<test::memory_pipe>> pipes;
    for (std::size_t size : {5'000U, 120'000U, 30'000U}) {
        pipes.push_back(the.adopt_blocked());
        BOOST_TEST(!the.send(pipes.size() - 1, text('x', size)));
        the.run();
    }
    BOOST_TEST(the.endings.empty());
    BOOST_TEST(!the.send(0, text('y', 45'000)));
    the.run();
    BOOST_REQUIRE(the.endings.size() == 1U);
    BOOST_TEST((the.endings[0].id == the.ids[1]));
    BOOST_TEST(the.endings[0].reason == errc::output_budget_exceeded);
    BOOST_TEST(the.endings[0].reason == millipede::close_reason::shed);
    BOOST_TEST(pipes[1]->closed);
    BOOST_TEST(the.counters().shed.load() == 1U);
    BOOST_TEST(the.counters().shed_for_budget.load() == 1U);
    BOOST_TEST(the.counters().bytes_shed.load() == 120'000U);
    BOOST_TEST(the.counters().output_held_bytes.load() == 80'000 + 3 * entry);
    BOOST_TEST((the.received(*pipes[2]) == text('x', 30'000))); // the others notice nothing
    BOOST_TEST((the.received(*pipes[0]) == text('x', 5'000) + text('y', 45'000)));
    BOOST_TEST(the.budget_used() == 0U);
}

BOOST_AUTO_TEST_CASE(a_payload_at_many_connections_does_not_make_them_hold_too_much) {
    output_budget all{200'000, 1, [](auto) {}};
    bench the{roomy_options(), &all};
    auto shared = payload_of(text('s', 100'000));
    for (std::size_t which = 0; which < 10; ++which) {
        the.adopt_blocked();
        BOOST_TEST(!the.subject.send(the.ids[which], shared));
        the.run();
    }
    BOOST_TEST(the.endings.empty());
    BOOST_TEST(the.counters().output_held_bytes.load() == 100'000 + 10 * entry);
    BOOST_TEST(!the.send(0, text('x', 100'000))); // of its own
    the.run();
    BOOST_REQUIRE(the.endings.size() == 1U);
    BOOST_TEST((the.endings[0].id == the.ids[0]));
}

BOOST_AUTO_TEST_CASE(one_that_only_waits_for_its_last_output_is_shed_as_well) {
    output_budget all{200'000, 1, [](auto) {}};
    bench the{roomy_options(), &all};
    auto leaving = the.adopt_blocked();
    BOOST_TEST(!the.send(0, text('x', 150'000)));
    the.run();
    BOOST_TEST(the.subject.with(the.ids[0], [](auto& connection) { connection.close(); }));
    the.run();
    BOOST_REQUIRE(the.endings.size() == 1U);
    BOOST_TEST(!leaving->closed);
    the.adopt_blocked();
    BOOST_TEST(!the.send(1, text('x', 60'000)));
    the.run();
    BOOST_TEST(leaving->closed);
    BOOST_TEST(the.endings.size() == 1U); // it has been told
    BOOST_TEST(the.counters().cut.load() == 1U);
    BOOST_TEST(the.counters().shed_for_budget.load() == 1U);
    BOOST_TEST(the.counters().shed.load() == 0U); // for its end there was another reason
    BOOST_TEST(the.counters().output_held_bytes.load() == 60'000 + entry);
}

BOOST_AUTO_TEST_CASE(the_worker_whose_connections_hold_more_is_asked) {
    std::vector<std::uint32_t> asked;
    output_budget all{200'000, 2, [&](auto worker) { asked.push_back(worker); }};
    millipede::single_writer<std::uint64_t> held;
    millipede::single_writer<std::uint64_t> classes;
    bench the{roomy_options(), &all};
    all.join(1, held, classes);
    held = 190'000;
    classes = std::uint64_t{1} << 17;
    the.adopt_blocked();
    BOOST_TEST(!the.send(0, text('x', 10'000)));
    the.run();
    BOOST_TEST(asked == std::vector<std::uint32_t>{1}, boost::test_tools::per_element());
    BOOST_TEST(the.endings.empty());
    held = 100'000;
    classes = std::uint64_t{1} << 10; // it has shed its largest
    BOOST_TEST(!the.send(0, text('x', 100'000)));
    the.run();
    BOOST_REQUIRE(the.endings.size() == 1U);
    BOOST_TEST(the.endings[0].reason == errc::output_budget_exceeded);
    BOOST_TEST(asked.size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_worker_that_is_asked_sheds_its_largest) {
    output_budget all{200'000, 2, [](auto) {}};
    millipede::single_writer<std::uint64_t> held;
    millipede::single_writer<std::uint64_t> classes;
    bench the{roomy_options(), &all};
    all.join(1, held, classes);
    the.adopt_blocked();
    the.adopt_blocked();
    BOOST_TEST(!the.send(0, text('x', 100'000)));
    BOOST_TEST(!the.send(1, text('x', 10'000)));
    the.run();
    held = 150'000; // of another worker, which has grown
    the.subject.ask_to_shed();
    the.run();
    BOOST_REQUIRE(the.endings.size() == 1U);
    BOOST_TEST((the.endings[0].id == the.ids[0]));
}

BOOST_AUTO_TEST_CASE(those_who_do_not_read_are_shed_before_a_worker_has_no_buffers_left) {
    auto limits = roomy_options();
    limits.buffer_budget_bytes = 100'000;
    bench the{limits};
    for (int times = 0; times < 3; ++times)
        the.adopt_blocked();
    std::array<std::size_t, 3> const sizes{20'000, 60'000, 9'000};
    for (std::size_t which = 0; which < sizes.size(); ++which) {
        BOOST_TEST(the.endings.empty());
        BOOST_TEST(!the.send(which, text('x', sizes[which])));
        the.run();
    }
    BOOST_REQUIRE(the.endings.size() == 1U);
    BOOST_TEST((the.endings[0].id == the.ids[1]));
    BOOST_TEST(the.endings[0].reason == errc::output_budget_exceeded);
}

BOOST_AUTO_TEST_CASE(those_who_do_not_read_do_not_pay_for_incomplete_messages) {
    auto limits = roomy_options();
    limits.buffer_budget_bytes = 100'000;
    bench the{limits};
    auto slow = the.adopt_blocked();
    the.adopt_blocked();
    slow->take_writes();
    the.run();
    slow->deliver(test::frame(leave, std::string(50'000, 'x')).substr(0, 40'000)); // in 64 KiB
    the.run();
    for (int times = 0; times < 3; ++times)
        BOOST_TEST(!the.send(1, text('x', 9'000)));
    the.run();
    BOOST_TEST(the.budget_used() > 90'000U);
    BOOST_TEST(the.endings.empty());
}

BOOST_AUTO_TEST_CASE(without_a_write_timeout_the_idle_timeout_bounds_those_who_take_nothing) {
    for (bool flushing : {false, true}) {
        auto limits = roomy_options();
        limits.write_timeout = 0ms;
        limits.idle_timeout = 80ms;
        bench the{limits};
        auto pipe = the.adopt_blocked();
        BOOST_TEST(!the.send(0, text('x')));
        the.run();
        if (flushing) the.subject.with(the.ids[0], [](auto& connection) { connection.close(); });
        BOOST_TEST(the.run_until([&] { return pipe->closed; }));
        BOOST_REQUIRE(the.endings.size() == 1U);
        BOOST_TEST(the.endings[0].reason ==
                   (flushing ? errc::closed_by_server : errc::write_timeout));
        BOOST_TEST(the.counters().cut.load() == (flushing ? 1U : 0U));
        BOOST_TEST(the.budget_used() == 0U);
    }
}

BOOST_AUTO_TEST_CASE(without_any_timeout_whoever_takes_nothing_stays) {
    auto limits = roomy_options();
    limits.write_timeout = 0ms;
    limits.idle_timeout = 0ms;
    bench the{limits};
    auto pipe = the.adopt_blocked();
    BOOST_TEST(!the.send(0, text('x')));
    auto begin = std::chrono::steady_clock::now();
    while (std::chrono::steady_clock::now() < begin + 150ms) {
        the.run();
        std::this_thread::sleep_for(5ms);
    }
    BOOST_TEST(the.endings.empty());
    BOOST_TEST((the.received(*pipe) == text('x')));
}

BOOST_AUTO_TEST_SUITE_END()
