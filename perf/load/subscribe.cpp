// SPDX-License-Identifier: BSL-1.0
#include "subscribe.hpp"

#include "mark.hpp"
#include "quantity.hpp"

#include <algorithm>

namespace load {

namespace {

double seconds_between(std::int64_t begin_ns, std::int64_t end_ns) {
    return static_cast<double>(end_ns - begin_ns) / 1e9;
}

} // namespace

subscribe_run::subscribe_run(options const& settings)
    : settings_{settings}, progress_{settings.progress} {
    for (std::uint32_t index = 0; index < settings.threads; ++index)
        crowds_.push_back(std::make_unique<crowd>(
            settings, work_share{.worker = index, .workers = settings.threads}, news_.teller()));
}

void subscribe_run::run(subscribe_result& result) {
    auto const began_ns = now_ns();
    auto const deadline_ns = began_ns + settings_.deadline.count();
    for (auto& each : crowds_)
        each->start();
    await_all_open(result, deadline_ns);
    auto const opened_ns = now_ns();
    result.opening_seconds = seconds_between(began_ns, opened_ns);
    if (result.opened_all) {
        if (settings_.marks) announce("opened", sum(&crowd::opened));
        if (settings_.marks) announce("running");
        await_messages(result, std::min(opened_ns + settings_.duration.count(), deadline_ns));
    }
    result.running_seconds = seconds_between(opened_ns, now_ns());
    for (auto& each : crowds_)
        each->end();
    progress_.clear();
    result.messages_least = UINT32_MAX;
    for (auto const& each : crowds_) {
        result.total.add(each->counts());
        result.messages_least = std::min(result.messages_least, each->messages_least());
        result.messages_most = std::max(result.messages_most, each->messages_most());
        result.silent_replies += each->silent_replies();
        result.bytes += each->bytes();
        result.busiest_thread_seconds = std::max(result.busiest_thread_seconds,
                                                 each->counts().cpu_while_running.total_seconds());
    }
    result.messages = sum(&crowd::messages);
}

void subscribe_run::await_all_open(subscribe_result& result, std::int64_t until_ns) {
    while (!must_stop(result) && now_ns() < until_ns) {
        result.opened_all =
            std::ranges::all_of(crowds_, [](auto& each) { return each->all_open(); });
        if (result.opened_all) return;
        wait_for_news(result, until_ns);
    }
}

void subscribe_run::await_messages(subscribe_result& result, std::int64_t until_ns) {
    while (!must_stop(result) && now_ns() < until_ns) {
        tell_rounds(result);
        if (settings_.messages != 0 && result.rounds >= settings_.messages) return;
        wait_for_news(result, until_ns);
    }
    tell_rounds(result);
}

// Of rounds that ended together the time is that of the last.
void subscribe_run::tell_rounds(subscribe_result& result) {
    auto rounds = UINT64_MAX;
    std::int64_t ended_ns = 0;
    for (auto const& each : crowds_) {
        rounds = std::min(rounds, each->rounds());
        ended_ns = std::max(ended_ns, each->round_ended_ns());
    }
    if (rounds == result.rounds) return;
    result.rounds = rounds;
    if (settings_.marks)
        announce_at("round " + std::to_string(rounds), ended_ns, sum(&crowd::messages));
}

bool subscribe_run::must_stop(subscribe_result const& result) const {
    return result.interrupted ||
           std::ranges::any_of(crowds_, [](auto& each) { return each->failed(); });
}

void subscribe_run::wait_for_news(subscribe_result& result, std::int64_t until_ns) {
    auto const signals = news_.wait(std::min(until_ns, progress_.next_ns()));
    if (auto const now = now_ns(); progress_.due(now)) show_progress(now);
    if (signals > 0) result.interrupted = true;
}

void subscribe_run::show_progress(std::int64_t now_ns) {
    progress_.show(grouped(sum(&crowd::opened)) + " of " + grouped(settings_.connections) +
                       " subscribed, " + grouped(sum(&crowd::messages)) + " messages",
                   now_ns);
}

std::uint64_t subscribe_run::sum(std::uint64_t (crowd::*which)() const) const {
    std::uint64_t total = 0;
    for (auto const& each : crowds_)
        total += ((*each).*which)();
    return total;
}

} // namespace load
