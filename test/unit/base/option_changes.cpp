// SPDX-License-Identifier: BSL-1.0
#include <millipede/base/option_changes.hpp>

#include "support/captured_log.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

BOOST_AUTO_TEST_SUITE(option_changes)

namespace {

using millipede::option_change;
using millipede::options;
using millipede::reload_report;
using namespace std::chrono_literals;

// Turns into a member of any type: an aggregate can be made of as many as it has members.
struct anything {
    template <class T>
    operator T() const; // NOLINT: that is what it is for
};

template <class Aggregate, std::size_t... Index>
constexpr bool can_be_made_of(std::index_sequence<Index...>) {
    return requires {
        Aggregate{(static_cast<void>(Index), anything{})...};
    };
}

template <class Aggregate, std::size_t Count = 1>
constexpr std::size_t members_of() {
    if constexpr (can_be_made_of<Aggregate>(std::make_index_sequence<Count + 1>{}))
        return members_of<Aggregate, Count + 1>();
    else
        return Count;
}

struct three_members {
    int first;
    std::string second;
    std::vector<int> third;
};

reload_report compared(options const& now, options const& wanted, options const& started,
                       bool has_heartbeat = true) {
    return millipede::detail::compare(now, wanted, {started, has_heartbeat});
}

std::vector<std::string> names(std::vector<option_change> const& changes) {
    std::vector<std::string> all;
    for (auto const& each : changes)
        all.push_back(each.option);
    return all;
}

bool only(std::vector<option_change> const& changes, std::string const& name) {
    return names(changes) == std::vector<std::string>{name};
}

} // namespace

// Whoever adds an option has to say in option_changes.cpp whether a running server can take it.
BOOST_AUTO_TEST_CASE(every_option_is_compared) {
    static_assert(members_of<three_members>() == 3);
    auto known = millipede::detail::compared_options();
    auto in_log = static_cast<std::size_t>(std::count_if(
        known.begin(), known.end(), [](auto name) { return name.starts_with("log."); }));
    BOOST_TEST(known.size() - in_log == members_of<options>() - 1); // `log` itself
    BOOST_TEST(in_log == members_of<millipede::log_options>() - 1); // `sink`: no value
    std::sort(known.begin(), known.end());
    BOOST_TEST((std::unique(known.begin(), known.end()) == known.end()));
}

BOOST_AUTO_TEST_CASE(what_is_the_same_is_in_no_list) {
    options same;
    BOOST_TEST((compared(same, same, same) == reload_report{}));
}

BOOST_AUTO_TEST_CASE(limits_are_applied_and_the_rest_needs_a_restart) {
    options now;
    auto wanted = now;
    wanted.listen = {"127.0.0.1:1", {"[::1]:2"}};
    wanted.workers = 4;
    wanted.idle_timeout = 90s;
    wanted.write_timeout = 1500ms;
    wanted.drain_spread = 1h;
    wanted.overflow = millipede::overflow_policy::drop_oldest;
    wanted.output_max_bytes = 1;
    wanted.over_rate = millipede::rate_policy::close;
    wanted.stall_policy = millipede::stall_policy::abort;
    wanted.transport = millipede::transport_kind::asio;
    wanted.tcp_no_delay = false;
    wanted.log.level = millipede::debug;
    wanted.log.file = "there";
    wanted.log.format = millipede::log_format::json;
    auto report = compared(now, wanted, now);
    std::vector<option_change> applied{
        {"idle_timeout", "5m", "90s"},        {"write_timeout", "30s", "1500ms"},
        {"drain_spread", "0s", "1h"},         {"output_max_bytes", "262144", "1"},
        {"overflow", "close", "drop_oldest"}, {"over_rate", "pause", "close"},
        {"log.level", "info", "debug"}};
    std::vector<option_change> need_restart{
        {"listen", "", "127.0.0.1:1 [::1]:2"}, {"workers", "0", "4"},
        {"tcp_no_delay", "true", "false"},     {"transport", "epoll", "asio"},
        {"stall_policy", "report", "abort"},   {"log.file", "(none)", "there"},
        {"log.format", "text", "json"}};
    std::sort(report.applied.begin(), report.applied.end(),
              [](auto const& one, auto const& other) { return one.option < other.option; });
    std::sort(applied.begin(), applied.end(),
              [](auto const& one, auto const& other) { return one.option < other.option; });
    BOOST_TEST((report.applied == applied));
    BOOST_TEST((report.need_restart == need_restart));

    millipede::detail::apply(report, now, wanted);
    BOOST_TEST(now.idle_timeout.count() == 90'000);
    BOOST_TEST((now.log.level == millipede::debug));
    BOOST_TEST(now.workers == 0U);
    BOOST_TEST(now.log.file.empty());
    BOOST_TEST(compared(now, wanted, now).applied.empty());
}

BOOST_AUTO_TEST_CASE(listeners_are_compared_with_all_that_belongs_to_them) {
    options now{.listen = {"127.0.0.1:1"}};
    for (int kind = 0; kind < 4; ++kind) {
        auto wanted = now;
        auto& listener = wanted.listen.front();
        if (kind == 0) listener.dual_stack = true;
        if (kind == 1) listener.unix_mode = 0600;
        if (kind == 2) listener.proxy_protocol = true;
        if (kind == 3) listener.tls = {.certificate_file = "new.pem"};
        auto report = compared(now, wanted, now);
        BOOST_TEST_REQUIRE(only(report.need_restart, "listen"));
        BOOST_TEST(report.need_restart[0].before != report.need_restart[0].after);
    }
}

BOOST_AUTO_TEST_CASE(rates_of_connections_need_room_that_is_there_from_the_start) {
    options off;
    auto on = off;
    on.messages_per_second = 10;
    BOOST_TEST(only(compared(off, on, off).need_restart, "messages_per_second"));
    BOOST_TEST(only(compared(on, off, on).applied, "messages_per_second"));
    BOOST_TEST(only(compared(off, on, on).applied, "messages_per_second")); // off since, on again
    auto other = on;
    other.bytes_per_second = 5'000;
    BOOST_TEST(only(compared(on, other, on).applied, "bytes_per_second"));
}

BOOST_AUTO_TEST_CASE(limits_per_source_need_sources_that_are_known_from_the_start) {
    options off;
    auto count = off;
    count.connections_per_source_max = 10;
    auto rate = off;
    rate.accepts_per_second_per_source = 10;
    auto more = count;
    more.connections_per_source_max = 20;
    BOOST_TEST(only(compared(off, count, off).need_restart, "connections_per_source_max"));
    BOOST_TEST(only(compared(count, off, count).need_restart, "connections_per_source_max"));
    BOOST_TEST(only(compared(count, more, count).applied, "connections_per_source_max"));
    BOOST_TEST(only(compared(off, rate, off).need_restart, "accepts_per_second_per_source"));
    BOOST_TEST(only(compared(rate, off, rate).applied, "accepts_per_second_per_source"));
    auto both = count;
    both.accepts_per_second_per_source = 10;
    BOOST_TEST(only(compared(count, both, count).applied, "accepts_per_second_per_source"));
}

BOOST_AUTO_TEST_CASE(a_heartbeat_needs_a_message) {
    options off;
    auto on = off;
    on.heartbeat_interval = 10s;
    BOOST_TEST(only(compared(off, on, off, false).need_restart, "heartbeat_interval"));
    BOOST_TEST(only(compared(off, on, off, true).applied, "heartbeat_interval"));
    BOOST_TEST(only(compared(on, off, on, false).applied, "heartbeat_interval"));
}

BOOST_AUTO_TEST_CASE(a_worker_takes_all_that_can_be_live_and_nothing_else) {
    options from;
    from.workers = 7;
    from.idle_timeout = 7s;
    from.messages_per_second = 7;
    from.connections_per_source_max = 7;
    from.heartbeat_interval = 1s;
    from.log.level = millipede::fatal;
    from.log.file = "elsewhere";
    options to;
    millipede::detail::apply_live(to, from);
    BOOST_TEST(to.workers == 0U);
    BOOST_TEST(to.log.file.empty());
    BOOST_TEST((to.idle_timeout == 7s));
    BOOST_TEST(to.messages_per_second == 7U);
    BOOST_TEST(to.connections_per_source_max == 7U);
    BOOST_TEST((to.heartbeat_interval == 1s));
}

BOOST_AUTO_TEST_CASE(what_became_of_options_is_logged) {
    test::captured_log logs;
    millipede::log_changes({{{"idle_timeout", "5m", "90s"}}, {{"workers", "2", "4"}}});
    BOOST_TEST(logs.count("[info] reloaded: idle_timeout 5m -> 90s\n") == 1U);
    BOOST_TEST(logs.count("[warning] workers: 2 -> 4 needs a restart\n") == 1U);
    BOOST_TEST(logs.count("no option") == 0U);
    millipede::log_changes({});
    BOOST_TEST(logs.count("[info] reloaded: no option has changed\n") == 1U);
}

BOOST_AUTO_TEST_SUITE_END()
