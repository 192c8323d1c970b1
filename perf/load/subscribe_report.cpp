// SPDX-License-Identifier: BSL-1.0
#include "figures.hpp"
#include "json_writer.hpp"
#include "quantity.hpp"
#include "subscribe.hpp"

namespace load {

namespace {

double busy(subscribe_result const& result) {
    auto const seconds = result.opening_seconds + result.running_seconds;
    return seconds > 0 ? result.busiest_thread_seconds / seconds : 0;
}

void write_parameters(json_writer& json, options const& settings) {
    json.begin("parameters");
    json.text("path", settings.path);
    json.text("count", settings.counted);
    json.text("opened_by", settings.awaits_head ? "head" : "request");
    json.truth("arrivals", settings.arrivals);
    json.whole("connections", settings.connections);
    json.whole("channels", settings.channels);
    json.whole("first_sequence", settings.first_sequence);
    json.whole("messages", settings.messages);
    json.whole("concurrency", settings.concurrency);
    json.whole("threads", settings.threads);
    json.whole("sources", settings.sources);
    json.number("open_rate_per_second", settings.open_rate);
    json.number("duration_seconds", static_cast<double>(settings.duration.count()) / 1e9);
    json.end();
}

} // namespace

std::string failure_reason(options const& settings, subscribe_result const& result) {
    if (result.total.errors.get() > 0) return result.total.first_error;
    if (result.interrupted) return {}; // it was told to end, and nothing was wrong until then
    if (!result.opened_all)
        return "only " + grouped(result.total.opened.get()) + " were open when time was up";
    if (result.rounds < settings.messages)
        return "only " + grouped(result.rounds) + " of " + grouped(settings.messages) +
               " messages had come to everybody when time was up";
    return {};
}

std::string as_text(options const& settings, subscribe_result const& result) {
    auto const reason = failure_reason(settings, result);
    return "subscribe " + settings.server.text + settings.path + ": " +
           grouped(result.total.opened.get()) + " opened in " +
           grouped(static_cast<std::uint64_t>(result.opening_seconds * 1e3)) + " ms, " +
           grouped(result.messages) + " messages (" + grouped(result.messages_least) + " to " +
           grouped(result.messages_most) + " each), " + grouped(result.total.errors.get()) +
           " errors" + (reason.empty() ? "" : "; failed") + "\n";
}

std::string as_json(options const& settings, subscribe_result const& result) {
    auto const reason = failure_reason(settings, result);
    auto const& total = result.total;
    json_writer json;
    json.text("mode", name(settings.mode));
    json.text("target", settings.server.text);
    write_parameters(json, settings);
    json.begin("results");
    json.truth("passed", reason.empty());
    json.text("reason", reason);
    json.truth("interrupted", result.interrupted);
    json.number("opening_seconds", result.opening_seconds);
    json.number("running_seconds", result.running_seconds, 6);
    json.whole("opened", total.opened.get());
    json.whole("open_at_end", total.open_now.get());
    json.whole("requests", total.requests.get());
    json.whole("replies", total.replies.get());
    json.whole("silent_replies", result.silent_replies);
    json.whole("messages", result.messages);
    json.whole("messages_least", result.messages_least);
    json.whole("messages_most", result.messages_most);
    json.whole("rounds", result.rounds);
    json.whole("bytes", result.bytes);
    json.end();
    json.begin("cpu");
    json.number("busiest_thread_seconds", result.busiest_thread_seconds, 6);
    json.number("busiest_thread_share", busy(result));
    json.end();
    json.begin("errors");
    json.whole("total", total.errors.get());
    for (std::size_t kind = 0; kind < error_kinds; ++kind)
        json.whole(name(static_cast<error_kind>(kind)), total.errors_by_kind[kind]);
    json.text("first", total.first_error);
    json.end();
    return json.finish();
}

} // namespace load
