// SPDX-License-Identifier: BSL-1.0
#include <millipede/base/option_changes.hpp>

#include <algorithm>
#include <array>
#include <concepts>
#include <type_traits>
#include <utility>

namespace millipede {
namespace {

// When a running server can take another value.
enum class when {
    always,
    with_heartbeat,    // When there is a message to ask by.
    with_rates,        // When connections were given room for their rates.
    with_source_count, // When sources are counted, and go on to be.
    with_sources,      // When newcomers are asked where they come from.
    never,
};

std::string text_of(std::chrono::milliseconds value) {
    using namespace std::chrono_literals;
    constexpr std::array<std::pair<std::chrono::milliseconds, char const*>, 3> units{
        {{1h, "h"}, {1min, "m"}, {1s, "s"}}};
    for (auto [unit, name] : units)
        if (value != 0ms && value % unit == 0ms) return std::to_string(value / unit) + name;
    return value == 0ms ? "0s" : std::to_string(value.count()) + "ms";
}
std::string text_of(bool value) {
    return value ? "true" : "false";
}
template <std::integral Number>
std::string text_of(Number value) {
    return std::to_string(value);
}
std::string text_of(std::string const& value) {
    return value.empty() ? "(none)" : value;
}
std::string text_of(overflow_policy value) {
    return std::string{name_of(value)};
}
std::string text_of(rate_policy value) {
    return value == rate_policy::pause ? "pause" : "close";
}
std::string text_of(stall_policy value) {
    switch (value) {
    case stall_policy::report:
        return "report";
    case stall_policy::watchdog:
        return "watchdog";
    case stall_policy::abort:
        break;
    }
    return "abort";
}
std::string text_of(transport_kind value) {
    return value == transport_kind::epoll ? "epoll" : "asio";
}
std::string text_of(severity value) {
    return std::string{to_string(value)};
}
std::string text_of(log_format value) {
    return std::string{to_string(value)};
}
std::string text_of(std::vector<listen_options> const& value) {
    std::string all;
    for (auto const& each : value) {
        if (!all.empty()) all += ' ';
        all += each.endpoint;
        if (each.dual_stack) all += ",dual-stack";
        if (each.unix_mode != 0) all += ",mode";
        if (each.proxy_protocol) all += ",proxy";
        if (each.tls) all += ",tls(" + each.tls->certificate_file + ")";
    }
    return all;
}

struct entry {
    std::string_view name;
    when can_change;
    bool (*same)(options const&, options const&);
    std::string (*text)(options const&);
    void (*copy)(options&, options const&) noexcept; // null: it never can change
};

template <auto Member>
constexpr entry of(std::string_view name, when can_change = when::never) {
    using value = std::remove_cvref_t<decltype(std::declval<options>().*Member)>;
    entry made{
        name, can_change,
        [](options const& one, options const& other) { return one.*Member == other.*Member; },
        [](options const& from) { return text_of(from.*Member); }, nullptr};
    if constexpr (std::is_trivially_copyable_v<value>)
        made.copy = [](options& to, options const& from) noexcept { to.*Member = from.*Member; };
    return made;
}

template <auto Member>
constexpr entry of_log(std::string_view name, when can_change = when::never) {
    using value = std::remove_cvref_t<decltype(std::declval<log_options>().*Member)>;
    entry made{name, can_change,
               [](options const& one, options const& other) {
                   return one.log.*Member == other.log.*Member;
               },
               [](options const& from) { return text_of(from.log.*Member); }, nullptr};
    if constexpr (std::is_trivially_copyable_v<value>)
        made.copy = [](options& to, options const& from) noexcept {
            to.log.*Member = from.log.*Member;
        };
    return made;
}

constexpr std::array entries{
    of<&options::listen>("listen"),
    of<&options::workers>("workers"),
    of<&options::pin_workers>("pin_workers"),
    of<&options::connections_per_worker>("connections_per_worker"),
    of<&options::idle_timeout>("idle_timeout", when::always),
    of<&options::heartbeat_interval>("heartbeat_interval", when::with_heartbeat),
    of<&options::write_timeout>("write_timeout", when::always),
    of<&options::linger_timeout>("linger_timeout", when::always),
    of<&options::handshake_timeout>("handshake_timeout", when::always),
    of<&options::stop_timeout>("stop_timeout", when::always),
    of<&options::drain_spread>("drain_spread", when::always),
    of<&options::output_max_bytes>("output_max_bytes", when::always),
    of<&options::overflow>("overflow", when::always),
    of<&options::output_budget_bytes>("output_budget_bytes", when::always),
    of<&options::buffer_budget_bytes>("buffer_budget_bytes"),
    of<&options::scratch_bytes>("scratch_bytes"),
    of<&options::handoff_capacity>("handoff_capacity"),
    of<&options::mailbox_capacity>("mailbox_capacity"),
    of<&options::broadcast_capacity>("broadcast_capacity"),
    of<&options::mailbox_max_bytes>("mailbox_max_bytes"),
    of<&options::offload_threads>("offload_threads"),
    of<&options::offload_capacity>("offload_capacity"),
    of<&options::listen_backlog>("listen_backlog"),
    of<&options::tcp_no_delay>("tcp_no_delay"),
    of<&options::connections_max>("connections_max", when::always),
    of<&options::connections_per_source_max>("connections_per_source_max", when::with_source_count),
    of<&options::accepts_per_second>("accepts_per_second", when::always),
    of<&options::accepts_burst>("accepts_burst", when::always),
    of<&options::accepts_per_second_per_source>("accepts_per_second_per_source",
                                                when::with_sources),
    of<&options::accepts_burst_per_source>("accepts_burst_per_source", when::with_sources),
    of<&options::first_message_timeout>("first_message_timeout", when::always),
    of<&options::message_timeout>("message_timeout", when::always),
    of<&options::messages_per_second>("messages_per_second", when::with_rates),
    of<&options::messages_burst>("messages_burst", when::with_rates),
    of<&options::bytes_per_second>("bytes_per_second", when::with_rates),
    of<&options::bytes_burst>("bytes_burst", when::with_rates),
    of<&options::over_rate>("over_rate", when::always),
    of<&options::tcp_user_timeout>("tcp_user_timeout"),
    of<&options::keepalive_idle>("keepalive_idle"),
    of<&options::keepalive_interval>("keepalive_interval"),
    of<&options::keepalive_probes>("keepalive_probes"),
    of<&options::transport>("transport"),
    of<&options::handle_signals>("handle_signals"),
    of<&options::stall_after>("stall_after"),
    of<&options::stall_policy>("stall_policy"),
    of<&options::stall_signal>("stall_signal"),
    of<&options::notify_systemd>("notify_systemd"),
    of<&options::upgrade_signal>("upgrade_signal"),
    of<&options::upgrade_timeout>("upgrade_timeout"),
    of<&options::pid_file>("pid_file"),
    of_log<&log_options::level>("log.level", when::always),
    of_log<&log_options::file>("log.file"),
    of_log<&log_options::rotate_bytes>("log.rotate_bytes"),
    of_log<&log_options::rotated_files_max>("log.rotated_files_max"),
    of_log<&log_options::queue_capacity>("log.queue_capacity"),
    of_log<&log_options::format>("log.format"),
};

bool can_change(entry const& which, options const& wanted, detail::reload_conditions const& given) {
    auto const& started = given.started;
    bool counts_sources = started.connections_per_source_max != 0;
    switch (which.can_change) {
    case when::always:
        return true;
    case when::with_heartbeat:
        return given.has_heartbeat || wanted.heartbeat_interval == std::chrono::milliseconds{};
    case when::with_rates:
        return started.messages_per_second != 0 || started.bytes_per_second != 0;
    case when::with_source_count:
        return counts_sources && wanted.connections_per_source_max != 0;
    case when::with_sources:
        return counts_sources || started.accepts_per_second_per_source != 0;
    case when::never:
        break;
    }
    return false;
}

} // namespace

void log_changes(reload_report const& report) {
    for (auto const& each : report.applied)
        log(info) << "reloaded: " << each.option << ' ' << each.before << " -> " << each.after;
    for (auto const& each : report.need_restart)
        log(warning) << each.option << ": " << each.before << " -> " << each.after
                     << " needs a restart";
    if (report.applied.empty() && report.need_restart.empty())
        log(info) << "reloaded: no option has changed";
}

reload_report detail::compare(options const& now, options const& wanted,
                              reload_conditions const& given) {
    reload_report report;
    for (auto const& each : entries) {
        if (each.same(now, wanted)) continue;
        auto& list = can_change(each, wanted, given) ? report.applied : report.need_restart;
        list.push_back({std::string{each.name}, each.text(now), each.text(wanted)});
    }
    return report;
}

void detail::apply(reload_report const& report, options& to, options const& wanted) noexcept {
    for (auto const& change : report.applied)
        for (auto const& each : entries)
            if (each.name == change.option) each.copy(to, wanted);
}

void detail::apply_live(options& to, options const& wanted) noexcept {
    for (auto const& each : entries)
        if (each.can_change != when::never) each.copy(to, wanted);
}

std::vector<std::string_view> detail::compared_options() {
    std::vector<std::string_view> names;
    for (auto const& each : entries)
        names.push_back(each.name);
    return names;
}

} // namespace millipede
