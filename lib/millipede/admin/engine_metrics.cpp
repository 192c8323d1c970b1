// SPDX-License-Identifier: BSL-1.0
#include <millipede/admin/engine_metrics.hpp>

#include <array>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace millipede::detail {
namespace {

// A counter of `metrics` as Prometheus is to see it: part of a family, told apart by a label.
struct place {
    std::string_view counter{};
    std::string_view value{}; // of the family's label
};

struct family {
    char const* name;
    char const* help;
    char const* label; // null: there is one value
    place places[8];   // the first ones that have a counter
    bool is_gauge = false;
};

constexpr family families[]{
    {"accepted_total", "Sockets accepted.", nullptr, {{"accepted"}}},
    {"refused_total",
     "Newcomers that never became connections, by what refused them.",
     "reason",
     {{"full", "full"},
      {"newcomers_over_limit", "limit"},
      {"newcomers_over_source_limit", "source_limit"},
      {"newcomers_over_rate", "rate"},
      {"newcomers_over_source_rate", "source_rate"},
      {"newcomers_shed", "no_descriptor"},
      {"tls_failures", "tls"},
      {"bad_proxy_headers", "proxy_header"}}},
    {"abandoned_total",
     "Newcomers that left before their greeting was over.",
     nullptr,
     {{"abandoned"}}},
    {"accept_failures_total",
     "Failures of accept, for want of descriptors or memory.",
     nullptr,
     {{"accept_failures"}}},
    {"opened_total", "Connections that began.", nullptr, {{"opened"}}},
    {"released_total", "Sockets that the workers are done with.", nullptr, {{"released"}}},
    {"closed_total",
     "Connections that ended, by reason.",
     "reason",
     {{"closed_by_peer", "peer"},
      {"timeouts", "timeout"},
      {"errors", "error"},
      {"refused_frames", "refused"},
      {"shed", "shed"},
      {"stopped", "stopping"},
      {"closed_by_server", "server"},
      {"handler_failures", "failed"}}},
    {"cut_total", "Connections that ended before all output had left.", nullptr, {{"cut"}}},
    {"late_messages_total",
     "Connections closed because a message did not come in time.",
     "which",
     {{"first_message_timeouts", "first"}, {"message_timeouts", "rest"}}},
    {"too_fast_total", "Connections closed for their rate.", nullptr, {{"too_fast"}}},
    {"rate_pauses_total",
     "Times that a connection was not read because of its rate.",
     nullptr,
     {{"rate_pauses"}}},
    {"heartbeats_total",
     "Times that a silent connection was asked whether it is there.",
     nullptr,
     {{"heartbeats"}}},
    {"messages_total",
     "Whole messages, by direction.",
     "direction",
     {{"messages_received", "received"}, {"messages_sent", "sent"}}},
    {"bytes_total",
     "Bytes of messages, by direction.",
     "direction",
     {{"bytes_received", "received"}, {"bytes_sent", "sent"}}},
    {"messages_dropped_total",
     "Messages not sent because output was full, by policy.",
     "policy",
     {{"messages_dropped_newest", "drop_newest"}, {"messages_dropped_oldest", "drop_oldest"}}},
    {"bytes_dropped_total", "Bytes of messages that were dropped.", nullptr, {{"bytes_dropped"}}},
    {"writes_blocked_total",
     "Times that a peer took no more output.",
     nullptr,
     {{"writes_blocked"}}},
    {"shed_for_budget_total",
     "Connections closed because all had too much unsent output.",
     nullptr,
     {{"shed_for_budget"}}},
    {"bytes_shed_total",
     "Unsent output thrown away with connections that were shed.",
     nullptr,
     {{"bytes_shed"}}},
    {"stalls_total", "Times that a worker gave no sign of life.", nullptr, {{"stalls"}}},
    {"worker_restarts_total",
     "Workers that went on after an exception left their loop.",
     nullptr,
     {{"worker_restarts"}}},
    {"handler_failures_total",
     "Exceptions that handlers let escape.",
     nullptr,
     {{"handler_failures"}}},
    {"callback_failures_total",
     "Exceptions of other functions of the program.",
     nullptr,
     {{"callback_failures"}}},
    {"stale_requests_total",
     "Requests for connections that had ended.",
     nullptr,
     {{"stale_requests"}}},
    {"offloaded_total", "Requests given to the offload pool.", nullptr, {{"offloaded"}}},
    {"offload_refused_total",
     "Requests that the offload pool refused.",
     nullptr,
     {{"offload_refused"}}},
    {"offload_failures_total",
     "Exceptions from offloaded handlers.",
     nullptr,
     {{"offload_failed"}}},
    {"offload_dropped_total",
     "Requests that still waited for the offload pool at the end.",
     nullptr,
     {{"offload_dropped"}}},
    {"offload_waiting",
     "Requests that wait for a thread of the offload pool.",
     nullptr,
     {{"offload_waiting"}},
     true},
    {"tls_handshakes_total", "TLS handshakes completed.", nullptr, {{"tls_handshakes"}}},
};

// Shown elsewhere: sums of others here, or by worker.
constexpr std::array<std::string_view, 4> left_out{"closed", "messages_dropped",
                                                   "output_held_bytes", "stalled"};

prometheus::ClientMetric histogram_of(lag_record const& lags,
                                      std::vector<metric_families::label> labels) {
    prometheus::ClientMetric metric;
    metric.label = std::move(labels);
    metric.histogram.sample_count = lags.count();
    metric.histogram.sample_sum = lags.sum_seconds();
    std::uint64_t below = 0;
    for (std::size_t number = 0; number < lag_record::bounds.size(); ++number) {
        below += lags.in_bucket(number);
        metric.histogram.bucket.push_back({below, lag_record::bounds[number]});
    }
    metric.histogram.bucket.push_back({lags.count(), std::numeric_limits<double>::infinity()});
    return metric;
}

} // namespace

void add_totals(metric_families& to, metrics const& totals) {
    std::map<std::string_view, std::uint64_t> values;
    metrics::for_each(totals,
                      [&](std::string_view name, std::uint64_t value) { values[name] = value; });
    auto unknown = values;
    for (auto name : left_out)
        unknown.erase(name);
    for (auto const& each : families) {
        auto name = std::string{"millipede_"} + each.name;
        each.is_gauge ? to.gauge(name, each.help) : to.counter(name, each.help);
        for (auto const& [counter, value] : each.places) {
            if (counter.empty()) break;
            unknown.erase(counter);
            if (each.label)
                to.add(values.at(counter), {{each.label, std::string{value}}});
            else
                to.add(values.at(counter));
        }
    }
    for (auto const& [name, value] : unknown) // counters younger than the table
        to.counter("millipede_" + std::string{name} + "_total",
                   "The counter " + std::string{name} + " of the library.")
            .add(value);
}

void add_workers(metric_families& to, engine_state const& state) {
    auto by_worker = [&](auto value_of) {
        for (std::size_t index = 0; index < state.workers.size(); ++index)
            to.add(static_cast<double>(value_of(state.workers[index])),
                   {{"worker", std::to_string(index)}});
    };
    using worker = worker_state const&;
    auto slots = state.connections_max_per_worker;
    to.gauge("millipede_connections", "Sockets that a worker has.");
    by_worker([](worker each) { return each.connections; });
    to.gauge("millipede_connections_max", "Slots for connections that a worker has.");
    by_worker([&](worker) { return slots; });
    to.gauge("millipede_output_held_bytes", "Unsent output that a worker holds.");
    by_worker([](worker each) { return each.output_held_bytes; });
    to.gauge("millipede_buffer_bytes", "Buffers in use: incomplete messages, unsent output.");
    by_worker([](worker each) { return each.buffer_bytes; });
    to.gauge("millipede_mailbox_bytes", "Messages of other threads that wait for a worker.");
    by_worker([](worker each) { return each.mailbox_bytes; });
    to.gauge("millipede_mailbox_requests", "Requests of other threads that wait for a worker.");
    by_worker([](worker each) { return each.mailbox_requests; });
    to.gauge("millipede_worker_busy_ratio", "Processor time of a worker per time.");
    by_worker([](worker each) { return each.busy_share; });
    to.counter("millipede_worker_cpu_seconds_total", "Processor time of a worker.");
    by_worker([](worker each) { return each.cpu_seconds; });
    to.gauge("millipede_worker_stalled", "Whether a worker gives no sign of life.");
    by_worker([](worker each) { return each.stalled; });
    to.histogram("millipede_loop_lag_seconds", "How long a request waits for a worker.");
    for (std::size_t index = 0; index < state.workers.size(); ++index)
        if (auto const* lags = state.workers[index].lags)
            to.add(histogram_of(*lags, {{"worker", std::to_string(index)}}));
}

} // namespace millipede::detail
