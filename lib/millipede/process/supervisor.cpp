// SPDX-License-Identifier: BSL-1.0
#include <millipede/process/supervisor.hpp>

#include <millipede/base/log.hpp>

#include <pthread.h>

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <future>
#include <sstream>
#include <string>
#include <system_error>
#include <utility>

namespace millipede::detail {
namespace {

using namespace std::chrono_literals;

constexpr int looks_per_stall = 8;

// How often to look for threads that have ended, when stalls are not watched for.
constexpr auto idle_interval = 1s;

constexpr auto stack_patience = 500ms;

// A disk that hangs must not keep a process alive that is to be started again.
constexpr auto flush_patience = 2s;

std::string in_seconds(std::chrono::nanoseconds time) {
    std::ostringstream text;
    text.precision(1);
    text << std::fixed << std::chrono::duration<double>{time}.count() << " s";
    return text.str();
}

} // namespace

supervisor::supervisor(options const& limits, worker_pool& workers)
    : limits_{&limits},
      workers_{&workers},
      interval_{limits.stall_after > 0ms
                    ? std::chrono::nanoseconds{limits.stall_after} / looks_per_stall
                    : idle_interval},
      stacks_{limits.stall_after > 0ms ? limits.stall_signal : 0},
      watched_(workers.size()) {}

void supervisor::start() {
    if (limits_->stall_after > 0ms && limits_->stall_signal != 0 && !stacks_.usable())
        log(warning) << "signal " << limits_->stall_signal
                     << " has a handler already: no stacks of stalled workers";
    thread_ = std::thread{[this] { run(); }};
}

void supervisor::stop() noexcept {
    {
        std::lock_guard lock{mutex_};
        stopping_ = true;
    }
    wake_.notify_all();
    if (thread_.joinable()) thread_.join();
}

void supervisor::run() {
    ::pthread_setname_np(::pthread_self(), "supervisor");
    auto last = std::chrono::steady_clock::now();
    std::unique_lock lock{mutex_};
    while (!wake_.wait_for(lock, interval_, [this] { return stopping_; })) {
        lock.unlock();
        auto now = std::chrono::steady_clock::now();
        try {
            look(now - std::exchange(last, now));
        } catch (std::exception const&) {
            // No memory for a line: the counters tell, and the next look is not far.
        }
        lock.lock();
    }
}

void supervisor::look(std::chrono::nanoseconds since_last) {
    for (std::uint32_t index = 0; index < watched_.size(); ++index) {
        auto& subject = *workers_->find(index);
        if (subject.lost_its_thread()) revive(subject, watched_[index]);
        if (limits_->stall_after > 0ms) watch(subject, watched_[index], since_last);
    }
}

void supervisor::watch(worker& subject, watched& state, std::chrono::nanoseconds since_last) {
    auto beats = subject.beats();
    bool alive = std::exchange(state.beats, beats) != beats || !subject.running();
    std::uint64_t messages = subject.counters().messages_received;
    state.busy = std::exchange(state.messages, messages) != messages;
    // Of a look that comes much too late only so much counts: this thread was held up as well.
    state.silent += std::min(since_last, 2 * interval_);
    state.passed += since_last;
    if (!alive) {
        if (!state.stalled && state.silent >= limits_->stall_after) stalls(subject, state);
        return;
    }
    state.silent = 0ns;
    auto passed = std::exchange(state.passed, 0ns);
    if (state.stalled) goes_on(subject, state, passed);
}

void supervisor::stalls(worker& subject, watched& state) {
    state.stalled = true;
    subject.set_stalled(true);
    ++counters_.stalls;
    ++counters_.stalled;
    try {
        log_stall(subject, state);
    } catch (std::exception const&) {
        // No memory for a line: the counters tell.
    }
    if (limits_->stall_policy == stall_policy::abort) abort(subject);
}

void supervisor::log_stall(worker& subject, watched& state) {
    auto suppressed = stall_lines_.admit(std::chrono::steady_clock::now());
    state.told = suppressed.has_value();
    if (!suppressed) return;
    log(error) << "worker " << field("worker", subject.index())
               << " is stalled: no sign of life for " << in_seconds(state.passed) << "; held by "
               << field("handler", describe(subject.doing()))
               << (state.busy ? ", but it still handles messages: too many for one turn" : "")
               << "; it gets no newcomers until it goes on" << suppressed_note(*suppressed);
    log_stack(subject);
}

void supervisor::goes_on(worker& subject, watched& state, std::chrono::nanoseconds passed) {
    state.stalled = false;
    subject.set_stalled(false);
    --counters_.stalled;
    if (!state.told) return;
    log(warning) << "worker " << field("worker", subject.index()) << " goes on after "
                 << in_seconds(passed);
}

void supervisor::log_stack(worker& subject) const {
    auto thread = subject.thread();
    if (!stacks_.usable() || !thread) return;
    auto functions = stacks_.of(*thread, stack_patience);
    if (functions.empty())
        log(error) << "worker " << subject.index() << " does not answer the signal "
                   << limits_->stall_signal << " that asks for its stack";
    for (std::size_t depth = 0; depth < functions.size(); ++depth)
        log(error) << "worker " << field("worker", subject.index()) << " stack " << depth << ": "
                   << functions[depth];
}

void supervisor::revive(worker& subject, watched& state) {
    try {
        subject.revive();
        state.revival_failed = false;
    } catch (std::system_error const& failure) {
        if (!std::exchange(state.revival_failed, true))
            log(error) << "worker " << subject.index()
                       << " has lost its thread and gets no other: " << failure.what()
                       << "; trying again";
    }
}

void supervisor::abort(worker const& subject) const noexcept {
    try {
        log(fatal) << "worker " << subject.index() << " is stalled: aborting, as stall_policy says";
        std::promise<void> flushed;
        auto written = flushed.get_future();
        std::thread{[flushed = std::move(flushed)]() mutable {
            logging::flush_active();
            flushed.set_value();
        }}.detach();
        written.wait_for(flush_patience);
    } catch (std::exception const&) {
        // No memory, no thread: then without the last lines.
    }
    std::abort();
}

} // namespace millipede::detail
