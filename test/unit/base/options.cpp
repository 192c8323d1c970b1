// SPDX-License-Identifier: BSL-1.0
#include <millipede/base/options.hpp>

#include <millipede/base/connection_id.hpp>

#include "unit/support/child.hpp"

#include <boost/test/unit_test.hpp>

#include <sys/resource.h>

#include <chrono>
#include <functional>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

BOOST_AUTO_TEST_SUITE(options)

using millipede::invalid_option;
using millipede::validated;
using namespace std::chrono_literals;

namespace {

using change = std::function<void(millipede::options&)>;

constexpr auto year = std::chrono::milliseconds{std::chrono::hours{24 * 365}};

millipede::options small_options() {
    millipede::options small;
    small.listen = {"127.0.0.1:0"};
    small.workers = 1;
    small.connections_per_worker = 10;
    return small;
}

// What `validated` says to the small options so changed; "" when it accepts them.
std::string verdict(change const& apply) {
    auto changed = small_options();
    apply(changed);
    try {
        validated(changed);
    } catch (invalid_option const& refusal) {
        BOOST_TEST(std::string{refusal.what()}.find(refusal.option() + ": ") == 0U);
        return refusal.option();
    }
    return "";
}

// Sets a rate and its burst.
template <class Number>
change rate(Number millipede::options::*per_second, std::type_identity_t<Number> rate_value,
            Number millipede::options::*burst, std::type_identity_t<Number> burst_value) {
    return [=](millipede::options& changed) {
        changed.*per_second = rate_value;
        changed.*burst = burst_value;
    };
}

std::string set_descriptor_limit(rlim_t soft, rlim_t hard) {
    rlimit limit{soft, hard};
    return ::setrlimit(RLIMIT_NOFILE, &limit) == 0 ? "" : "setrlimit failed";
}

// Validates in a process with that limit: the connections per worker, or the refusal.
std::string with_descriptors(rlim_t soft, rlim_t hard, std::uint32_t workers,
                             std::uint32_t connections) {
    return millipede::test::in_child([&]() -> std::string {
        if (auto failure = set_descriptor_limit(soft, hard); !failure.empty()) return failure;
        auto wanted = small_options();
        wanted.workers = workers;
        wanted.connections_per_worker = connections;
        try {
            return std::to_string(validated(wanted).connections_per_worker);
        } catch (invalid_option const& refusal) {
            return refusal.what();
        }
    });
}

bool says(std::string const& text, char const* part) {
    return text.find(part) != std::string::npos;
}

} // namespace

BOOST_AUTO_TEST_CASE(the_defaults_with_an_endpoint_are_valid) {
    millipede::options defaults;
    defaults.listen = {"127.0.0.1:0"};
    BOOST_CHECK_NO_THROW(validated(defaults));
}

BOOST_AUTO_TEST_CASE(what_was_asked_for_comes_back) {
    auto wanted = small_options();
    wanted.listen = {"127.0.0.1:1", "[::1]:2"};
    wanted.idle_timeout = 7ms;
    wanted.overflow = millipede::overflow_policy::drop_oldest;
    wanted.transport = millipede::transport_kind::asio;
    wanted.log.file = "some.log";
    auto got = validated(wanted);
    BOOST_TEST((got.listen == wanted.listen));
    BOOST_TEST(got.workers == 1U);
    BOOST_TEST(got.connections_per_worker == 10U);
    BOOST_TEST((got.idle_timeout == 7ms));
    BOOST_TEST((got.overflow == millipede::overflow_policy::drop_oldest));
    BOOST_TEST((got.transport == millipede::transport_kind::asio));
    BOOST_TEST(got.log.file == "some.log");
}

BOOST_AUTO_TEST_CASE(every_limit_outside_of_its_bounds_is_refused_by_name) {
    using o = millipede::options;
    struct refused {
        char const* option;
        change apply;
    };
    std::vector<refused> const all{
        {"listen", [](o& x) { x.listen.clear(); }},
        {"listen",
         [](o& x) {
             x.listen = {"127.0.0.1:0", "nonsense"};
         }},
        {"listen", [](o& x) { x.listen = {"localhost:80"}; }},
        {"tls.certificate_file",
         [](o& x) {
             x.listen[0].tls = millipede::tls_options{"", "key.pem"};
         }},
        {"tls.private_key_file",
         [](o& x) { x.listen[0].tls = millipede::tls_options{"certificate.pem"}; }},
        {"workers", [](o& x) { x.workers = 257; }},
        {"connections_per_worker", [](o& x) { x.connections_per_worker = (1U << 24) + 1; }},
        {"idle_timeout", [](o& x) { x.idle_timeout = -1ms; }},
        {"idle_timeout", [](o& x) { x.idle_timeout = year + 1ms; }},
        {"write_timeout", [](o& x) { x.write_timeout = -1ms; }},
        {"write_timeout", [](o& x) { x.write_timeout = year + 1ms; }},
        {"linger_timeout", [](o& x) { x.linger_timeout = 0ms; }},
        {"linger_timeout", [](o& x) { x.linger_timeout = -1ms; }},
        {"linger_timeout", [](o& x) { x.linger_timeout = year + 1ms; }},
        {"handshake_timeout", [](o& x) { x.handshake_timeout = 0ms; }},
        {"handshake_timeout", [](o& x) { x.handshake_timeout = year + 1ms; }},
        {"heartbeat_interval", [](o& x) { x.heartbeat_interval = -1ms; }},
        {"heartbeat_interval", [](o& x) { x.heartbeat_interval = x.idle_timeout / 2 + 1ms; }},
        {"heartbeat_interval",
         [](o& x) {
             x.idle_timeout = 0ms;
             x.heartbeat_interval = year + 1ms;
         }},
        {"stop_timeout", [](o& x) { x.stop_timeout = -1ms; }},
        {"stop_timeout", [](o& x) { x.stop_timeout = year + 1ms; }},
        {"drain_spread", [](o& x) { x.drain_spread = -1ms; }},
        {"drain_spread", [](o& x) { x.drain_spread = year + 1ms; }},
        {"output_max_bytes", [](o& x) { x.output_max_bytes = 0; }},
        {"output_max_bytes", [](o& x) { x.output_max_bytes = (std::size_t{1} << 40) + 1; }},
        {"buffer_budget_bytes", [](o& x) { x.buffer_budget_bytes = 64 * 1024 - 1; }},
        {"buffer_budget_bytes", [](o& x) { x.buffer_budget_bytes = (std::size_t{1} << 44) + 1; }},
        {"output_budget_bytes", [](o& x) { x.output_budget_bytes = 1024 * 1024 - 1; }},
        {"output_budget_bytes", [](o& x) { x.output_budget_bytes = (std::size_t{1} << 44) + 1; }},
        {"scratch_bytes", [](o& x) { x.scratch_bytes = 4 * 1024 - 1; }},
        {"scratch_bytes", [](o& x) { x.scratch_bytes = 1024 * 1024 + 1; }},
        {"handoff_capacity", [](o& x) { x.handoff_capacity = 0; }},
        {"handoff_capacity", [](o& x) { x.handoff_capacity = (1U << 24) + 1; }},
        {"mailbox_capacity", [](o& x) { x.mailbox_capacity = 0; }},
        {"mailbox_capacity", [](o& x) { x.mailbox_capacity = (1U << 28) + 1; }},
        {"broadcast_capacity", [](o& x) { x.broadcast_capacity = 0; }},
        {"broadcast_capacity", [](o& x) { x.broadcast_capacity = (1U << 24) + 1; }},
        {"mailbox_max_bytes", [](o& x) { x.mailbox_max_bytes = 64 * 1024 - 1; }},
        {"mailbox_max_bytes", [](o& x) { x.mailbox_max_bytes = (std::size_t{1} << 44) + 1; }},
        {"offload_threads", [](o& x) { x.offload_threads = 0; }},
        {"offload_threads", [](o& x) { x.offload_threads = 257; }},
        {"offload_capacity", [](o& x) { x.offload_capacity = 0; }},
        {"offload_capacity", [](o& x) { x.offload_capacity = (1U << 24) + 1; }},
        {"listen_backlog", [](o& x) { x.listen_backlog = 0; }},
        {"listen_backlog", [](o& x) { x.listen_backlog = (1U << 24) + 1; }},
        {"accepts_per_second", [](o& x) { x.accepts_per_second = 1'000'001; }},
        {"accepts_burst", rate(&o::accepts_per_second, 1'000, &o::accepts_burst, 9)},
        {"accepts_burst", rate(&o::accepts_per_second, 1, &o::accepts_burst, 1'000'001)},
        {"accepts_per_second_per_source",
         [](o& x) { x.accepts_per_second_per_source = 1'000'001; }},
        {"accepts_burst_per_source",
         rate(&o::accepts_per_second_per_source, 1'000, &o::accepts_burst_per_source, 9)},
        {"first_message_timeout", [](o& x) { x.first_message_timeout = -1ms; }},
        {"first_message_timeout", [](o& x) { x.first_message_timeout = year + 1ms; }},
        {"message_timeout", [](o& x) { x.message_timeout = -1ms; }},
        {"message_timeout", [](o& x) { x.message_timeout = year + 1ms; }},
        {"first_message_timeout", [](o& x) { x.first_message_timeout = x.idle_timeout + 1ms; }},
        {"message_timeout", [](o& x) { x.message_timeout = x.idle_timeout + 1ms; }},
        {"messages_per_second", [](o& x) { x.messages_per_second = 1'000'001; }},
        {"messages_burst", rate(&o::messages_per_second, 1'000, &o::messages_burst, 9)},
        {"bytes_per_second", [](o& x) { x.bytes_per_second = 1'023; }},
        {"bytes_per_second", [](o& x) { x.bytes_per_second = 10'000'000'001; }},
        {"bytes_burst", rate(&o::bytes_per_second, 2'000, &o::bytes_burst, 1'023)},
        {"bytes_burst", rate(&o::bytes_per_second, 1'000'000, &o::bytes_burst, 9'999)},
        {"tcp_user_timeout", [](o& x) { x.tcp_user_timeout = -1ms; }},
        {"tcp_user_timeout", [](o& x) { x.tcp_user_timeout = std::chrono::hours{24 * 24} + 1ms; }},
        {"keepalive_idle", [](o& x) { x.keepalive_idle = -1s; }},
        {"keepalive_idle", [](o& x) { x.keepalive_idle = 1'500ms; }},
        {"keepalive_idle", [](o& x) { x.keepalive_idle = 32'768s; }},
        {"keepalive_interval", [](o& x) { x.keepalive_interval = 999ms; }},
        {"keepalive_probes", [](o& x) { x.keepalive_probes = 128; }},
        {"stall_after", [](o& x) { x.stall_after = -1ms; }},
        {"stall_after", [](o& x) { x.stall_after = 99ms; }},
        {"stall_after", [](o& x) { x.stall_after = year + 1ms; }},
        {"stall_signal", [](o& x) { x.stall_signal = -1; }},
        {"stall_signal", [](o& x) { x.stall_signal = SIGUSR1; }},
        {"stall_signal", [](o& x) { x.stall_signal = SIGRTMAX + 1; }},
        {"upgrade_signal", [](o& x) { x.upgrade_signal = -1; }},
        {"upgrade_signal", [](o& x) { x.upgrade_signal = SIGRTMAX + 1; }},
        {"upgrade_signal", [](o& x) { x.upgrade_signal = SIGTERM; }},
        {"upgrade_signal", [](o& x) { x.upgrade_signal = SIGHUP; }},
        {"upgrade_signal", [](o& x) { x.upgrade_signal = x.stall_signal; }},
        {"upgrade_timeout", [](o& x) { x.upgrade_timeout = 0ms; }},
        {"upgrade_timeout", [](o& x) { x.upgrade_timeout = year + 1ms; }},
    };
    for (auto const& each : all)
        BOOST_TEST(verdict(each.apply) == each.option);
}

BOOST_AUTO_TEST_CASE(every_limit_at_its_bounds_is_accepted) {
    using o = millipede::options;
    std::vector<change> const all{
        [](o& x) { x.connections_per_worker = 1; },
        [](o& x) { x.idle_timeout = 0ms; },
        [](o& x) { x.idle_timeout = year; },
        [](o& x) { x.write_timeout = 0ms; },
        [](o& x) { x.write_timeout = year; },
        [](o& x) { x.linger_timeout = 1ms; },
        [](o& x) { x.linger_timeout = year; },
        [](o& x) { x.handshake_timeout = 1ms; },
        [](o& x) { x.handshake_timeout = year; },
        [](o& x) {
            x.listen[0].tls = millipede::tls_options{"certificate.pem", "key.pem"};
        },
        [](o& x) { x.stop_timeout = 0ms; },
        [](o& x) { x.stop_timeout = year; },
        [](o& x) { x.drain_spread = 0ms; },
        [](o& x) { x.drain_spread = year; },
        [](o& x) { x.output_max_bytes = 1; },
        [](o& x) { x.output_max_bytes = std::size_t{1} << 40; },
        [](o& x) { x.buffer_budget_bytes = 64 * 1024; },
        [](o& x) { x.buffer_budget_bytes = std::size_t{1} << 44; },
        [](o& x) { x.output_budget_bytes = 0; },
        [](o& x) { x.output_budget_bytes = 1024 * 1024; },
        [](o& x) { x.output_budget_bytes = std::size_t{1} << 44; },
        [](o& x) { x.scratch_bytes = 4 * 1024; },
        [](o& x) { x.scratch_bytes = 1024 * 1024; },
        [](o& x) { x.handoff_capacity = 1; },
        [](o& x) { x.handoff_capacity = 1U << 24; },
        [](o& x) { x.mailbox_capacity = 1; },
        [](o& x) { x.mailbox_capacity = 1U << 28; },
        [](o& x) { x.broadcast_capacity = 1; },
        [](o& x) { x.broadcast_capacity = 1U << 24; },
        [](o& x) { x.mailbox_max_bytes = 64 * 1024; },
        [](o& x) { x.mailbox_max_bytes = std::size_t{1} << 44; },
        [](o& x) { x.offload_threads = 1; },
        [](o& x) { x.offload_threads = 256; },
        [](o& x) { x.offload_capacity = 1; },
        [](o& x) { x.offload_capacity = 1U << 24; },
        [](o& x) { x.listen_backlog = 1; },
        [](o& x) { x.listen_backlog = 1U << 24; },
        [](o& x) { x.connections_max = UINT32_MAX; },
        [](o& x) { x.connections_per_source_max = UINT32_MAX; },
        rate(&o::accepts_per_second, 1'000'000, &o::accepts_burst, 1'000'000),
        rate(&o::accepts_per_second, 1'000, &o::accepts_burst, 10),
        rate(&o::accepts_per_second_per_source, 1, &o::accepts_burst_per_source, 1),
        [](o& x) { x.first_message_timeout = x.idle_timeout; },
        [](o& x) { x.message_timeout = x.idle_timeout; },
        [](o& x) {
            x.idle_timeout = 0ms;
            x.first_message_timeout = x.message_timeout = year;
        },
        rate(&o::messages_per_second, 1'000'000, &o::messages_burst, 10'000),
        rate(&o::bytes_per_second, 1'024, &o::bytes_burst, 1'024),
        rate(&o::bytes_per_second, 10'000'000'000, &o::bytes_burst, 10'000'000'000),
        [](o& x) { x.bytes_burst = 1; }, // of no rate
        [](o& x) { x.tcp_user_timeout = std::chrono::hours{24 * 24}; },
        [](o& x) { x.keepalive_idle = 32'767s; },
        [](o& x) { x.keepalive_interval = 1s; },
        [](o& x) { x.keepalive_probes = 127; },
        [](o& x) { x.stall_after = 0ms; },
        [](o& x) { x.stall_after = 100ms; },
        [](o& x) { x.stall_after = year; },
        [](o& x) { x.stall_signal = 0; },
        [](o& x) { x.stall_signal = SIGRTMIN; },
        [](o& x) { x.stall_signal = SIGRTMAX; },
        [](o& x) { x.upgrade_signal = SIGUSR2; },
        [](o& x) { x.upgrade_signal = SIGRTMAX; },
        [](o& x) { x.upgrade_timeout = 1ms; },
        [](o& x) { x.upgrade_timeout = year; },
    };
    for (std::size_t index = 0; index < all.size(); ++index)
        BOOST_TEST_CONTEXT("bound " << index) {
            BOOST_TEST(verdict(all[index]) == "");
        }
}

BOOST_AUTO_TEST_CASE(a_refusal_says_the_value_and_the_bounds) {
    auto wanted = small_options();
    wanted.workers = 300;
    BOOST_CHECK_EXCEPTION(validated(wanted), invalid_option, [](invalid_option const& refusal) {
        return std::string{refusal.what()} == "workers: 300 is not in 1 to 256";
    });
    wanted = small_options();
    wanted.linger_timeout = 0ms;
    BOOST_CHECK_EXCEPTION(validated(wanted), invalid_option, [](invalid_option const& refusal) {
        return says(refusal.what(), "0 ms is not in 1 ms");
    });
    wanted = small_options();
    wanted.listen = {"somewhere"};
    BOOST_CHECK_EXCEPTION(validated(wanted), invalid_option, [](invalid_option const& refusal) {
        return says(refusal.what(), "'somewhere'");
    });
}

BOOST_AUTO_TEST_CASE(a_burst_that_is_not_given_is_what_comes_in_one_second) {
    auto wanted = small_options();
    wanted.accepts_per_second = 1;
    wanted.accepts_per_second_per_source = 2;
    wanted.messages_per_second = 3;
    wanted.bytes_per_second = 4'000;
    auto got = validated(wanted);
    BOOST_TEST(got.accepts_burst == 1U);
    BOOST_TEST(got.accepts_burst_per_source == 2U);
    BOOST_TEST(got.messages_burst == 3U);
    BOOST_TEST(got.bytes_burst == 4'000U);
    BOOST_TEST(validated(small_options()).messages_burst == 0U);
}

BOOST_AUTO_TEST_CASE(automatic_workers_are_one_per_processor) {
    auto wanted = small_options();
    wanted.workers = 0;
    wanted.connections_per_worker = 1;
    auto processors = std::max(1U, std::thread::hardware_concurrency());
    BOOST_TEST(validated(wanted).workers == std::min(processors, 256U));
}

// 32 descriptors for the process and 4 for every worker beside the connections.

BOOST_AUTO_TEST_CASE(automatic_connections_share_the_descriptor_limit) {
    BOOST_TEST(with_descriptors(200, 200, 1, 0) == "164");
    BOOST_TEST(with_descriptors(200, 200, 3, 0) == "52");
    BOOST_TEST(with_descriptors(37, 37, 1, 0) == "1");
}

BOOST_AUTO_TEST_CASE(the_soft_descriptor_limit_is_raised_to_the_hard_one) {
    BOOST_TEST(with_descriptors(40, 200, 1, 164) == "164");
    BOOST_TEST(millipede::test::in_child([]() -> std::string {
                   if (auto failure = set_descriptor_limit(40, 200); !failure.empty())
                       return failure;
                   validated(small_options());
                   rlimit limit{};
                   ::getrlimit(RLIMIT_NOFILE, &limit);
                   return std::to_string(limit.rlim_cur);
               }) == "200");
}

BOOST_AUTO_TEST_CASE(more_connections_than_descriptors_are_refused_with_advice) {
    BOOST_TEST(with_descriptors(200, 200, 1, 164) == "164");
    auto refusal = with_descriptors(200, 200, 1, 165);
    BOOST_TEST(refusal.find("connections_per_worker: ") == 0U);
    BOOST_TEST(says(refusal, "1 workers x 165 connections need 201 file descriptors"));
    BOOST_TEST(says(refusal, "the limit of this process is 200"));
    BOOST_TEST(says(refusal, "ulimit -n"));
}

BOOST_AUTO_TEST_CASE(a_limit_too_low_for_any_connection_is_refused) {
    BOOST_TEST(with_descriptors(36, 36, 1, 0).find("connections_per_worker: ") == 0U);
    BOOST_TEST(with_descriptors(20, 20, 1, 0).find("connections_per_worker: ") == 0U);
    BOOST_TEST(with_descriptors(200, 200, 42, 0).find("connections_per_worker: ") == 0U);
}

BOOST_AUTO_TEST_CASE(all_workers_count_for_the_descriptor_limit) {
    BOOST_TEST(with_descriptors(200, 200, 2, 80) == "80");
    BOOST_TEST(says(with_descriptors(200, 200, 2, 81), "need 202 file descriptors"));
    BOOST_TEST(says(with_descriptors(200, 200, 256, 1U << 24), "file descriptors"));
}

BOOST_AUTO_TEST_CASE(the_terms_of_the_memory_budget_add_up) {
    auto limits = small_options();
    limits.workers = 3;
    limits.connections_per_worker = 1'000;
    limits.buffer_budget_bytes = 1'000'000;
    limits.scratch_bytes = 8'192;
    limits.handoff_capacity = 100;
    limits.mailbox_capacity = 10;
    std::uint64_t sum = 0;
    for (auto const& term : millipede::memory_budget(limits, 48)) {
        BOOST_TEST(!term.what.empty());
        BOOST_TEST(term.bytes() == term.count * term.each_bytes);
        BOOST_TEST(term.bytes() > 0U);
        sum += term.bytes();
    }
    BOOST_TEST(sum >= 3U * (1'000 * 48 + 1'000'000 + 2 * 8'192 + 100 * 16 + 10 * 64));
}

BOOST_AUTO_TEST_CASE(every_limit_that_costs_memory_has_a_term) {
    using o = millipede::options;
    auto sum_of = [](o const& limits, std::size_t slot_bytes) {
        std::uint64_t sum = 0;
        for (auto const& term : millipede::memory_budget(limits, slot_bytes))
            sum += term.bytes();
        return sum;
    };
    auto less = small_options();
    auto base = sum_of(less, 48);
    BOOST_TEST(sum_of(less, 56) == base + 10U * 8);
    struct dearer {
        change apply;
        std::uint64_t extra;
    };
    std::vector<dearer> const all{
        {[](o& x) { x.connections_per_worker += 1; }, 48},
        {[](o& x) { x.buffer_budget_bytes += 1'000; }, 1'000},
        {[](o& x) { x.scratch_bytes += 4'096; }, 2 * 4'096},
        {[](o& x) { x.handoff_capacity += 1; }, 24},
        {[](o& x) { x.mailbox_capacity += 1; }, 64 + 96},
        {[](o& x) { x.mailbox_max_bytes += 1'000; }, 2 * 1'000},
        {[](o& x) { x.connections_per_source_max = 1; }, 10U * 72},
        {[](o& x) { x.accepts_per_second_per_source = 1; }, 10U * 72},
        {[](o& x) { x.broadcast_capacity += 1; }, 128},
        {[](o& x) { x.offload_capacity += 1; }, 128},
    };
    for (auto const& each : all) {
        auto more = less;
        each.apply(more);
        BOOST_TEST(sum_of(more, 48) == base + each.extra);
    }
}

BOOST_AUTO_TEST_CASE(the_largest_budget_does_not_overflow) {
    millipede::options most;
    most.workers = 256;
    most.connections_per_worker = 1U << 24;
    auto slots = millipede::memory_budget(most, 4'096).front();
    BOOST_TEST(slots.each_bytes == 4'096U);
    BOOST_TEST(slots.bytes() == std::uint64_t{1} << 44);
}

BOOST_AUTO_TEST_SUITE_END()
