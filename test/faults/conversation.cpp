// SPDX-License-Identifier: BSL-1.0
// A worker without a thread, a socket, and no memory at one moment or from one moment on: for
// every moment there is. Whatever it costs the connection, the worker goes on.
#include "faults/bench.hpp"
#include "support/captured_log.hpp"

BOOST_AUTO_TEST_SUITE(failing_memory)

using namespace test::faults;

namespace {

std::uint64_t fail_everywhere(transport_kind kind, how_many count, bool behind_proxy = false) {
    std::uint64_t failed = 0;
    BOOST_TEST_CONTEXT("over " << test::name_of(kind) << (behind_proxy ? " behind a proxy" : ""))
    failed = fail_at_every_allocation(count, [&] {
        std::optional<greeting_type> asked;
        if (behind_proxy) asked = greeting_type{.proxy_protocol = true};
        return std::make_unique<bench>(kind, bench::begins::at_once, asked);
    });
    return failed;
}

} // namespace

BOOST_AUTO_TEST_CASE(one_allocation_that_fails_costs_one_connection_at_most) {
    millipede::set_log_level(millipede::fatal);
    for (bool behind_proxy : {false, true})
        for (auto kind : test::both_transports)
            BOOST_TEST(fail_everywhere(kind, how_many::one, behind_proxy) > 5U);
    millipede::set_log_level(millipede::info);
}

BOOST_AUTO_TEST_CASE(a_worker_that_had_no_memory_for_a_while_goes_on_when_there_is_some) {
    millipede::set_log_level(millipede::fatal);
    for (bool behind_proxy : {false, true})
        for (auto kind : test::both_transports)
            BOOST_TEST(fail_everywhere(kind, how_many::all_from_there, behind_proxy) > 2U);
    millipede::set_log_level(millipede::info);
}

BOOST_AUTO_TEST_CASE(a_worker_that_had_no_memory_for_its_first_tick_ticks) {
    millipede::set_log_level(millipede::fatal);
    auto before = test::failed_allocations();
    bench subject{transport_kind::epoll, bench::begins::without_memory};
    BOOST_TEST(test::failed_allocations() > before);
    subject.converse();
    subject.check();
    millipede::set_log_level(millipede::info);
}

BOOST_AUTO_TEST_CASE(a_stop_without_memory_for_its_deadline_is_tried_again) {
    bench subject{transport_kind::epoll};
    subject.check_stop({.deadline = 10s});
}

BOOST_AUTO_TEST_CASE(a_drain_without_memory_for_its_steps_is_tried_again) {
    for (auto kind : test::both_transports) {
        bench subject{kind};
        subject.check_stop(
            {.deadline = 10s, .window = 50ms, .come_back = 1s, .says_goodbye = true});
    }
}

BOOST_AUTO_TEST_CASE(lines_that_cannot_be_logged_cost_nothing_but_themselves) {
    test::captured_log logs{millipede::debug};
    for (auto count : {how_many::one, how_many::all_from_there})
        for (bool behind_proxy : {false, true})
            fail_everywhere(transport_kind::epoll, count, behind_proxy);
    millipede::log(millipede::error) << "after all that";
    BOOST_TEST(logs.says("after all that"));
}

BOOST_AUTO_TEST_SUITE_END()
