// SPDX-License-Identifier: BSL-1.0
#include <millipede/base/metrics.hpp>

#include <boost/test/unit_test.hpp>

#include <atomic>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

BOOST_AUTO_TEST_SUITE(metrics)

using millipede::single_writer;
using millipede::worker_metrics;

namespace {

struct counter {
    std::string_view name;
    std::uint64_t millipede::basic_metrics<std::uint64_t>::*member;
};

using sums = millipede::metrics;

std::vector<counter> const counters{
    {"accepted", &sums::accepted},
    {"full", &sums::full},
    {"accept_failures", &sums::accept_failures},
    {"opened", &sums::opened},
    {"closed", &sums::closed},
    {"closed_by_peer", &sums::closed_by_peer},
    {"timeouts", &sums::timeouts},
    {"errors", &sums::errors},
    {"refused_frames", &sums::refused_frames},
    {"shed", &sums::shed},
    {"stopped", &sums::stopped},
    {"closed_by_server", &sums::closed_by_server},
    {"handler_failures", &sums::handler_failures},
    {"cut", &sums::cut},
    {"released", &sums::released},
    {"messages_received", &sums::messages_received},
    {"bytes_received", &sums::bytes_received},
    {"bytes_sent", &sums::bytes_sent},
    {"messages_sent", &sums::messages_sent},
    {"messages_dropped", &sums::messages_dropped},
    {"writes_blocked", &sums::writes_blocked},
    {"stale_requests", &sums::stale_requests},
    {"callback_failures", &sums::callback_failures},
    {"bytes_dropped", &sums::bytes_dropped},
    {"messages_dropped_newest", &sums::messages_dropped_newest},
    {"messages_dropped_oldest", &sums::messages_dropped_oldest},
    {"bytes_shed", &sums::bytes_shed},
    {"shed_for_budget", &sums::shed_for_budget},
    {"output_held_bytes", &sums::output_held_bytes},
    {"newcomers_over_limit", &sums::newcomers_over_limit},
    {"newcomers_over_source_limit", &sums::newcomers_over_source_limit},
    {"newcomers_over_rate", &sums::newcomers_over_rate},
    {"newcomers_over_source_rate", &sums::newcomers_over_source_rate},
    {"newcomers_shed", &sums::newcomers_shed},
    {"first_message_timeouts", &sums::first_message_timeouts},
    {"message_timeouts", &sums::message_timeouts},
    {"too_fast", &sums::too_fast},
    {"rate_pauses", &sums::rate_pauses},
    {"heartbeats", &sums::heartbeats},
    {"offloaded", &sums::offloaded},
    {"offload_refused", &sums::offload_refused},
    {"offload_failed", &sums::offload_failed},
    {"offload_dropped", &sums::offload_dropped},
    {"offload_waiting", &sums::offload_waiting},
    {"tls_handshakes", &sums::tls_handshakes},
    {"tls_failures", &sums::tls_failures},
    {"bad_proxy_headers", &sums::bad_proxy_headers},
    {"abandoned", &sums::abandoned},
    {"worker_restarts", &sums::worker_restarts},
    {"stalls", &sums::stalls},
    {"stalled", &sums::stalled},
};

} // namespace

BOOST_AUTO_TEST_CASE(a_single_writer_counts_up_and_down) {
    single_writer<std::uint64_t> count;
    BOOST_TEST(count.load() == 0U);
    ++count;
    count += 41;
    BOOST_TEST(count.load() == 42U);
    --count;
    count -= 2;
    BOOST_TEST(count.load() == 39U);
    count = 7;
    std::uint64_t value = count;
    BOOST_TEST(value == 7U);
    BOOST_TEST((count += 3).load() == 10U);
}

BOOST_AUTO_TEST_CASE(a_single_writer_is_read_by_another_thread_and_never_goes_back) {
    single_writer<std::uint64_t> count;
    constexpr std::uint64_t most = 200'000;
    bool monotonous = true;
    std::thread reader{[&] {
        std::uint64_t last = 0;
        while (last < most) {
            auto now = count.load();
            if (now < last) monotonous = false;
            last = now;
        }
    }};
    for (std::uint64_t step = 0; step < most; ++step)
        ++count;
    reader.join();
    BOOST_TEST(monotonous);
    BOOST_TEST(count.load() == most);
}

BOOST_AUTO_TEST_CASE(every_counter_is_named_once) {
    std::set<std::string_view> names;
    std::size_t count = 0;
    millipede::metrics sum;
    millipede::metrics::for_each(sum, [&](std::string_view name, std::uint64_t) {
        names.insert(name);
        ++count;
    });
    BOOST_TEST(count == sizeof(millipede::metrics) / sizeof(std::uint64_t));
    BOOST_TEST(names.size() == count);
    BOOST_TEST(counters.size() == count);
}

BOOST_AUTO_TEST_CASE(every_name_stands_for_its_member) {
    for (auto const& each : counters) {
        millipede::metrics sum;
        sum.*each.member = 5;
        std::string_view found;
        millipede::metrics::for_each(sum, [&](std::string_view name, std::uint64_t value) {
            if (value == 5) found = name;
        });
        BOOST_TEST(found == each.name);
    }
}

BOOST_AUTO_TEST_CASE(a_sum_adds_each_counter_of_several_workers_by_itself) {
    worker_metrics first;
    worker_metrics second;
    std::uint64_t number = 0;
    worker_metrics::for_each(first, [&](std::string_view, auto& cell) { cell = ++number; });
    number = 0;
    worker_metrics::for_each(second,
                             [&](std::string_view, auto& cell) { cell = 1'000 * ++number; });

    millipede::metrics sum;
    sum += first;
    sum += second;
    sum += second;
    for (std::size_t index = 0; index < counters.size(); ++index)
        BOOST_TEST_CONTEXT(counters[index].name) {
            BOOST_TEST((sum.*counters[index].member) == 2'001 * (index + 1));
        }
}

BOOST_AUTO_TEST_CASE(a_sum_of_nothing_is_zero) {
    millipede::metrics sum;
    sum += worker_metrics{};
    for (auto const& each : counters)
        BOOST_TEST((sum.*each.member) == 0U);
}

BOOST_AUTO_TEST_CASE(workers_share_no_cache_line) {
    BOOST_TEST(alignof(worker_metrics) == 64U);
    BOOST_TEST(sizeof(worker_metrics) % 64 == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
