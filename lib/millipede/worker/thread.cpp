// SPDX-License-Identifier: BSL-1.0
// A worker's thread: how it begins, goes on whatever leaves its loop, and ends.
#include <millipede/worker/processor.hpp>
#include <millipede/worker/worker.hpp>

#include <pthread.h>

#include <csignal>
#include <exception>
#include <string>
#include <utility>

namespace millipede::detail {
namespace {

thread_local worker* current_worker = nullptr;

// Says that the thread has ended, unless it has done its work.
class thread_mark {
  public:
    explicit thread_mark(std::atomic<bool>& lost) noexcept : lost_{&lost} {}
    ~thread_mark() {
        if (!done_) lost_->store(true, std::memory_order_release);
    }
    thread_mark(thread_mark const&) = delete;
    thread_mark& operator=(thread_mark const&) = delete;
    void done() noexcept { done_ = true; }

  private:
    std::atomic<bool>* lost_;
    bool done_ = false;
};

// A process may have blocked all signals before it made its threads.
void receive_signal(int number) noexcept {
    if (number == 0) return;
    sigset_t only;
    ::sigemptyset(&only);
    ::sigaddset(&only, number);
    ::pthread_sigmask(SIG_UNBLOCK, &only, nullptr);
}

} // namespace

worker* worker::current() noexcept {
    return current_worker;
}

void worker::begin() {
    current_worker = this;
    running_.store(true, std::memory_order_release);
    note(activity::engine);
    schedule_tick();
    wait_for_readiness();
}

void worker::start(std::function<void()> on_ended) {
    on_ended_ = std::move(on_ended);
    running_.store(true, std::memory_order_release);
    try {
        thread_ = std::thread{[this] { run(false); }};
    } catch (...) {
        running_.store(false, std::memory_order_release);
        throw;
    }
}

void worker::join() {
    if (thread_.joinable()) thread_.join();
}

std::optional<std::thread::native_handle_type> worker::thread() noexcept {
    if (!thread_.joinable() || !running() || lost_its_thread()) return std::nullopt;
    return thread_.native_handle();
}

void worker::revive() {
    join();
    lost_thread_.store(false, std::memory_order_release);
    try {
        thread_ = std::thread{[this] { run(true); }};
    } catch (...) {
        lost_thread_.store(true, std::memory_order_release);
        throw;
    }
}

void worker::pin() noexcept {
    auto failure = pin_this_thread(index_);
    if (!failure) return;
    try {
        log(warning) << "worker " << index_
                     << ": cannot be pinned to a processor: " << failure.message();
    } catch (...) {
        // It runs anywhere, and nobody reads of it.
    }
}

void worker::run(bool again) {
    thread_mark mark{lost_thread_};
    ::pthread_setname_np(::pthread_self(), ("worker-" + std::to_string(index_)).c_str());
    receive_signal(limits_->stall_signal);
    set_log_worker(index_);
    if (limits_->pin_workers) pin();
    if (again) {
        current_worker = this;
        loop_left("a handler ended its thread; another one takes over");
    } else {
        begin();
    }
    for (bool ended = false; !ended; again = true) {
        try {
            if (again) take_up_turn();
            context_.run();
            ended = stopping_ && pool_.all().in_use() == 0;
            if (!ended) loop_left("a handler stopped its io_context");
        } catch (std::exception const& failure) {
            ++counters_.callback_failures;
            loop_left(failure.what());
        } catch (...) {
            if (!std::current_exception()) throw; // the thread is being ended
            ++counters_.callback_failures;
            loop_left("not a std::exception");
        }
        if (!ended) context_.restart();
    }
    end_coroutines();
    mark.done();
    running_.store(false, std::memory_order_release);
    log_suppressed(std::nullopt);
    if (on_ended_) on_ended_();
}

// What escapes comes from a handler that the user gave to the executor: the loop goes on.
void worker::loop_left(std::string_view why) noexcept {
    in_turn_ = false;
    ++counters_.worker_restarts;
    try {
        if (auto suppressed = lines_.loop.admit(std::chrono::steady_clock::now()))
            log(error) << "worker " << field("worker", index_)
                       << ": its loop was left and goes on: " << field("reason", why) << "; "
                       << field("suppressed", *suppressed) << " more suppressed before";
    } catch (...) {
        // The counter tells.
    }
}

} // namespace millipede::detail
