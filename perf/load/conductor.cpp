// SPDX-License-Identifier: BSL-1.0
#include "conductor.hpp"

#include "mark.hpp"
#include "quantity.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>

#include <unistd.h>

namespace load {

namespace {

// How long the workers may take for closing before they are taken for stuck.
constexpr std::int64_t closing_ns_max = 20 * second_ns;

double seconds_between(std::int64_t begin_ns, std::int64_t end_ns) {
    return static_cast<double>(end_ns - begin_ns) / 1e9;
}

std::uint64_t whole(double value) {
    return static_cast<std::uint64_t>(std::max(value, 0.0));
}

std::string time_left(double missing, double per_second) {
    return per_second > 0 ? ", " + grouped(whole(missing / per_second)) + " s left" : "";
}

} // namespace

conductor::conductor(options const& settings) : settings_{settings}, progress_{settings.progress} {
    for (std::uint32_t index = 0; index < settings.threads; ++index)
        workers_.push_back(std::make_unique<worker>(
            settings, work_share{.worker = index, .workers = settings.threads}, news_.teller()));
}

void conductor::run(run_result& result) {
    result_ = &result;
    began_ns_ = stage_began_ns_ = now_ns();
    deadline_ns_ = began_ns_ + settings_.deadline.count();
    if (settings_.observed != 0) {
        observed_.emplace(settings_.observed);
        result.observed.emplace();
    }
    observe([](auto& process, auto& seen) { seen.memory_bytes_before = process.memory_bytes(); });
    for (auto& worker : workers_)
        worker->start();
    open();
    if (!must_stop(now_ns())) run_load();
    drain();
    observe([this](auto& process, auto& seen) {
        seen.connections_open = sum(&statistics::open_now);
        seen.memory_bytes_open = process.memory_bytes();
    });
    close();
    progress_.clear();
    result.wall_seconds = seconds_between(began_ns_, now_ns());
    result.cpu = cpu_time::of_process();
    for (auto const& worker : workers_) {
        if (result.threads_stuck) return;
        auto const& counts = worker->counts();
        result.total.add(counts);
        if (result.running_seconds > 0)
            result.busiest_thread_share =
                std::max(result.busiest_thread_share,
                         counts.cpu_while_running.total_seconds() / result.running_seconds);
    }
    // Last, for it is mostly the consequence of what the workers saw.
    if (!observation_failure_.empty())
        result.total.fail(error_kind::observation_failed, observation_failure_);
}

void conductor::observe(std::function<void(observed_process const&, observation&)> const& look) {
    if (!observed_ || !result_->observed) return;
    try {
        look(*observed_, *result_->observed);
    } catch (std::runtime_error const& error) {
        observation_failure_ = error.what();
        result_->observed.reset();
    }
}

void conductor::open() {
    if (settings_.settle) announce("busy 0", 0);
    auto const opened = await([this] { return all_completed(stage::opening); }, never_ns, true);
    result_->opening_seconds = seconds_between(began_ns_, now_ns());
    result_->opened_while_opening = sum(&statistics::opened);
    result_->opened_all = opened == outcome::reached && sum(&statistics::errors) == 0;
    if (opened != outcome::reached) return;
    if (settings_.settle) announce("quiet 0", sum(&statistics::open_now));
    if (settings_.marks) announce("opened", sum(&statistics::open_now));
}

void conductor::run_load() {
    if (settings_.marks) announce("running");
    observe([](auto& process, auto& seen) { seen.cpu_ns = -process.cpu_ns(); });
    lead_to(stage::running);
    auto const began_ns = stage_began_ns_;
    if (settings_.settle)
        run_rounds();
    else
        await([this] { return all_completed(stage::running); },
              settings_.requests > 0 ? never_ns : began_ns + settings_.duration.count(), true);
    result_->running_seconds = seconds_between(began_ns, now_ns());
    result_->replies_while_running = sum(&statistics::replies);
    result_->opened_while_running = sum(&statistics::opened) - result_->opened_while_opening;
    observe([](auto& process, auto& seen) { seen.cpu_ns += process.cpu_ns(); });
}

void conductor::run_rounds() {
    auto const began_ns = stage_began_ns_;
    auto const rounds =
        std::max<std::uint64_t>(1, static_cast<std::uint64_t>(settings_.duration.count()) /
                                       static_cast<std::uint64_t>(second_ns));
    auto const end_of_second = [&](std::uint64_t round) {
        return began_ns + static_cast<std::int64_t>(round + 1) * second_ns;
    };
    auto const lost = [this] { return all_completed(stage::running); };
    for (std::uint64_t round = 1; round <= rounds; ++round) {
        if (await(lost, end_of_second(round - 1), true) != outcome::time_over) return;
        auto const label = " " + std::to_string(round);
        auto const open_now = sum(&statistics::open_now);
        announce("busy" + label,
                 open_now - std::min<std::uint64_t>(open_now, settings_.churn_per_second));
        for (auto& worker : workers_)
            worker->start_round(round);
        auto const settled = [this, round] {
            return std::ranges::all_of(workers_, [&](auto& w) { return w->has_settled(round); });
        };
        result_->rounds = round;
        if (await(settled, never_ns, true) != outcome::reached) return;
        announce("quiet" + label, sum(&statistics::open_now));
        if (now_ns() > end_of_second(round)) ++result_->rounds_late;
    }
    await(lost, end_of_second(rounds), true);
}

void conductor::drain() {
    if (result_->interrupted || result_->too_many_errors)
        for (auto& worker : workers_)
            worker->forgive_unanswered();
    lead_to(stage::draining);
    auto until_ns = stage_began_ns_ + settings_.drain.count();
    if (result_->interrupted) until_ns = std::min(until_ns, stage_began_ns_ + second_ns);
    await([this] { return all_completed(stage::draining); }, std::min(until_ns, deadline_ns_),
          false);
    if (settings_.marks) announce("drained");
}

void conductor::close() {
    if (settings_.settle) announce("busy " + std::to_string(result_->rounds + 1), 0);
    lead_to(stage::closing);
    auto const closed = await([this] { return all_completed(stage::closing); },
                              stage_began_ns_ + closing_ns_max, false);
    result_->threads_stuck = closed != outcome::reached;
    if (result_->threads_stuck) return;
    lead_to(stage::finished);
    for (auto& worker : workers_)
        worker->join();
    if (settings_.marks && settings_.closing != close_kind::none) announce("closed");
    if (settings_.settle) announce("done", 0);
}

conductor::outcome conductor::await(std::function<bool()> const& reached, std::int64_t until_ns,
                                    bool stoppable) {
    for (;;) {
        if (reached()) return outcome::reached;
        auto const now = now_ns();
        if (must_stop(now) && stoppable) return outcome::stopped;
        if (now >= until_ns) return outcome::time_over;
        if (progress_.due(now)) show_progress(now);
        auto const wake_ns = std::min(until_ns, progress_.next_ns());
        wait_for_news(stoppable ? std::min(wake_ns, deadline_ns_) : wake_ns);
    }
}

void conductor::wait_for_news(std::int64_t until_ns) {
    for (auto left = news_.wait(until_ns); left > 0; --left) {
        // Whoever asks twice does not want to wait for the results. But timeout(1) and shells send
        // one wish as two signals, to the process and to its group.
        if (result_->interrupted && now_ns() - interrupted_ns_ > second_ns / 4) ::_exit(1);
        if (!result_->interrupted) interrupted_ns_ = now_ns();
        result_->interrupted = true;
    }
}

bool conductor::must_stop(std::int64_t now_ns) {
    if (now_ns >= deadline_ns_ && stage_ <= stage::draining) result_->deadline_exceeded = true;
    if (sum(&statistics::errors) >= settings_.errors_max) result_->too_many_errors = true;
    return result_->interrupted || result_->deadline_exceeded || result_->too_many_errors;
}

void conductor::lead_to(stage wanted) {
    stage_ = wanted;
    stage_began_ns_ = now_ns();
    for (auto& worker : workers_)
        worker->lead_to(wanted);
}

bool conductor::all_completed(stage which) const {
    return std::ranges::all_of(workers_,
                               [&](auto& worker) { return worker->has_completed(which); });
}

std::uint64_t conductor::sum(counter statistics::*which) const {
    std::uint64_t total = 0;
    for (auto const& worker : workers_)
        total += (worker->counts().*which).get();
    return total;
}

// What the load consists of, as far as it has a number.
std::uint64_t conductor::operations() const {
    return settings_.mode == run_mode::rate || settings_.mode == run_mode::churn
               ? sum(&statistics::opened)
               : sum(&statistics::replies);
}

std::string conductor::progress_of_opening(double opened_per_second) const {
    auto const opened = sum(&statistics::opened);
    auto const missing = static_cast<double>(settings_.connections) - static_cast<double>(opened);
    return "opening " + grouped(opened) + " of " + grouped(settings_.connections) + ", " +
           grouped(whole(opened_per_second)) + "/s" + time_left(missing, opened_per_second);
}

std::string conductor::progress_of_load(double done_per_second, std::int64_t now_ns) const {
    auto const elapsed = grouped(whole(seconds_between(stage_began_ns_, now_ns)));
    auto text = (stage_ == stage::running ? "running " : "draining ") + elapsed;
    if (stage_ == stage::running && settings_.requests == 0)
        text += " of " + grouped(whole(static_cast<double>(settings_.duration.count()) / 1e9));
    text += " s, " + grouped(sum(&statistics::open_now)) + " connections, ";
    auto const done = operations();
    if (settings_.requests > 0)
        text += grouped(done) + " of " + grouped(settings_.requests) + " requests, ";
    auto const replies = settings_.mode == run_mode::echo || settings_.mode == run_mode::hold;
    text += grouped(whole(done_per_second)) + (replies ? " replies/s" : " opened/s");
    auto const missing = static_cast<double>(settings_.requests) - static_cast<double>(done);
    return settings_.requests > 0 ? text + time_left(missing, done_per_second) : text;
}

void conductor::show_progress(std::int64_t now_ns) {
    auto const opening = stage_ == stage::opening;
    auto const rate = progress_.rate_of(opening ? sum(&statistics::opened) : operations(), now_ns);
    progress_.show((opening ? progress_of_opening(rate) : progress_of_load(rate, now_ns)) + ", " +
                       grouped(sum(&statistics::errors)) + " errors",
                   now_ns);
}

} // namespace load
