// SPDX-License-Identifier: BSL-1.0
#include "worker.hpp"

#include <algorithm>
#include <exception>

#include <sys/prctl.h>

namespace load {

namespace {

std::unique_ptr<scenario> make_scenario(engine& machine, options const& settings,
                                        work_share share) {
    switch (settings.mode) {
    case run_mode::echo:
        return make_echo(machine, settings, share);
    case run_mode::rate:
        return make_rate(machine, settings, share);
    case run_mode::churn:
        return make_churn(machine, settings, share);
    case run_mode::hold:
    case run_mode::subscribe: // has no engine
        break;
    }
    return make_hold(machine, settings, share);
}

} // namespace

worker::worker(options const& settings, work_share share, std::function<void()> notify_conductor)
    : settings_{settings},
      notify_conductor_{std::move(notify_conductor)},
      engine_{settings, share, counts_},
      scenario_{make_scenario(engine_, settings, share)} {
    engine_.observe(*scenario_);
}

void worker::start() {
    thread_ = std::thread{&worker::run, this};
}

void worker::lead_to(stage wanted) {
    wanted_ = wanted;
    engine_.wake();
}

void worker::start_round(std::uint64_t round) {
    round_wanted_ = round;
    engine_.wake();
}

void worker::run() {
    // The default slack of 50 us would blur a timetable of thousands of events per second.
    ::prctl(PR_SET_TIMERSLACK, 1UL);
    try {
        if (settings_.mode != run_mode::rate) engine_.want(engine_.table().capacity(), now_ns());
        while (stage_ != stage::finished)
            turn();
    } catch (std::exception const& error) {
        counts_.fail(error_kind::thread_failed, error.what());
    }
    completed_ = code(stage::finished);
    round_settled_ = UINT64_MAX;
    notify_conductor_();
}

void worker::turn() {
    if (auto const wanted = wanted_.load(); wanted != stage_) enter(wanted);
    if (auto const round = round_wanted_.load(); round != round_) {
        round_ = round;
        scenario_->begin_round(now_ns());
    }
    auto const acts = stage_ == stage::running || stage_ == stage::draining;
    auto const acted_until_ns = acts ? scenario_->act(now_ns()) : never_ns;
    auto const opened_until_ns = engine_.open_due(now_ns());
    tell_news();
    if (stage_ != stage::finished) engine_.wait(std::min(acted_until_ns, opened_until_ns));
}

void worker::enter(stage wanted) {
    stage_ = wanted;
    switch (wanted) {
    case stage::opening:
        break;
    case stage::running:
        cpu_at_start_ = cpu_time::of_this_thread();
        return scenario_->begin_running(now_ns());
    case stage::draining:
        // An opening that was cut short leads here directly.
        if (completed_ >= code(stage::opening))
            counts_.cpu_while_running = cpu_time::of_this_thread() - cpu_at_start_;
        if (!unanswered_is_error_) engine_.want_no_more();
        return scenario_->begin_draining(now_ns());
    case stage::closing:
        scenario_->begin_closing(unanswered_is_error_);
        return engine_.close_all(unanswered_is_error_);
    case stage::finished:
        break;
    }
}

bool worker::done() const {
    switch (stage_) {
    case stage::opening:
        return !engine_.opening();
    case stage::running:
        // When everything was lost it is no use to go on.
        return engine_.expected() == 0 || scenario_->finished();
    case stage::draining:
        return scenario_->settled();
    case stage::closing:
        return true;
    case stage::finished:
        break;
    }
    return true;
}

void worker::tell_news() {
    auto news = false;
    if (completed_ < code(stage_) && done()) {
        completed_ = code(stage_);
        news = true;
    }
    if (round_settled_ < round_ && scenario_->settled()) {
        round_settled_ = round_;
        news = true;
    }
    if (auto const errors = counts_.errors.get(); errors != errors_told_) {
        errors_told_ = errors;
        news = true;
    }
    if (news) notify_conductor_();
}

} // namespace load
