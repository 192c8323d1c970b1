// SPDX-License-Identifier: BSL-1.0
#include <millipede/process/offload_pool.hpp>

#include <pthread.h>

#include <exception>
#include <new>
#include <optional>
#include <string>
#include <utility>

namespace millipede::detail {

offload_pool::offload_pool(worker_pool& workers, options const& limits)
    : workers_{&workers}, capacity_{limits.offload_capacity} {
    for (std::uint32_t index = 0; index < limits.offload_threads; ++index)
        lanes_.push_back(std::make_unique<lane>());
    threads_.reserve(limits.offload_threads);
    try {
        for (std::uint32_t index = 0; index < limits.offload_threads; ++index) {
            threads_.emplace_back([this, index] { serve(index); });
            std::lock_guard lock{mutex_};
            ++alive_;
        }
    } catch (...) {
        drop_waiting();
        join();
        throw;
    }
}

offload_pool::~offload_pool() {
    drop_waiting();
    join();
}

bool offload_pool::offer(std::unique_ptr<offload_request> request, offload_order order) {
    auto id = request->id();
    {
        std::unique_lock lock{mutex_};
        if (alive_ != lanes_.size()) replace_lost_threads();
        if (waiting_ == capacity_) {
            ++counters_.offload_refused;
            auto suppressed = refusals_.admit(std::chrono::steady_clock::now());
            lock.unlock();
            if (suppressed) log_refusal(*suppressed);
            return false;
        }
        if (order == offload_order::per_connection) {
            auto& own = lane_of(id);
            own.queue.push_back({tickets_++, std::move(request)});
            wake(own);
        } else {
            queue_.push_back({tickets_++, std::move(request)});
            wake_any();
        }
        counters_.offload_waiting = ++waiting_;
        ++counters_.offloaded;
    }
    // The answer is mail to this thread: it cannot come before this.
    worker::current()->owe(id);
    return true;
}

bool offload_pool::end(time_point cut, time_point deadline) {
    {
        std::unique_lock lock{mutex_};
        changed_.wait_until(lock, cut, [this] { return waiting_ == 0 && running_ == 0; });
    }
    drop_waiting();
    {
        std::unique_lock lock{mutex_};
        if (!changed_.wait_until(lock, deadline, [this] { return alive_ == 0; })) return false;
    }
    join();
    return true;
}

void offload_pool::drop_waiting() noexcept {
    std::lock_guard lock{mutex_};
    ending_ = true;
    counters_.offload_dropped += std::exchange(waiting_, 0);
    counters_.offload_waiting = 0;
    queue_.clear();
    for (auto& each : lanes_) {
        each->queue.clear();
        wake(*each);
    }
}

void offload_pool::join() noexcept {
    std::unique_lock lock{mutex_};
    while (!threads_.empty()) { // one that ends may have had another take its place
        auto last = std::move(threads_.back());
        threads_.pop_back();
        lock.unlock();
        last.join();
        lock.lock();
    }
}

// Those whose handler has ended them (pthread_exit). When there is none to be had, the next request
// tries again.
void offload_pool::replace_lost_threads() noexcept {
    for (std::uint32_t index = 0; index < lanes_.size(); ++index) {
        if (!lanes_[index]->lost_thread) continue;
        try {
            threads_.emplace_back([this, index] { serve(index); });
        } catch (std::exception const&) {
            return;
        }
        lanes_[index]->lost_thread = false;
        ++alive_;
    }
}

void offload_pool::log_refusal(std::uint64_t suppressed) const noexcept {
    try {
        log(warning) << "offload pool full: request refused, " << capacity_ << " others wait; "
                     << field("suppressed", suppressed) << " more suppressed before";
    } catch (...) {
        // The counter tells.
    }
}

// Neighbours in the table of connections go to different threads.
offload_pool::lane& offload_pool::lane_of(connection_id id) noexcept {
    return *lanes_[(id.worker() + id.slot()) % lanes_.size()];
}

void offload_pool::wake(lane& sleeper) noexcept {
    if (std::exchange(sleeper.asleep, false)) sleeper.ready.notify_one();
}

void offload_pool::wake_any() noexcept {
    for (auto& each : lanes_)
        if (each->asleep) return wake(*each);
}

void offload_pool::serve(std::uint32_t index) {
    ::pthread_setname_np(::pthread_self(), ("offload-" + std::to_string(index)).c_str());
    auto& own = *lanes_[index];
    std::unique_lock lock{mutex_};
    for (;;) {
        if (auto request = take(own)) {
            ++running_;
            lock.unlock();
            try {
                handle(std::move(request));
            } catch (...) { // the thread is being ended
                lock.lock();
                --running_;
                --alive_;
                own.lost_thread = true;
                replace_lost_threads();
                changed_.notify_all();
                throw;
            }
            lock.lock();
            --running_;
            changed_.notify_all();
        } else if (ending_) {
            break;
        } else {
            own.asleep = true;
            own.ready.wait(lock, [&] { return !own.asleep; });
        }
    }
    --alive_;
    changed_.notify_all();
}

// The oldest request that this thread may take; null when there is none.
std::unique_ptr<offload_request> offload_pool::take(lane& own) {
    auto* from = &queue_;
    if (!own.queue.empty() && (queue_.empty() || own.queue.front().ticket < queue_.front().ticket))
        from = &own.queue;
    if (from->empty()) return nullptr;
    auto request = std::move(from->front().request);
    from->pop_front();
    counters_.offload_waiting = --waiting_;
    return request;
}

void offload_pool::handle(std::unique_ptr<offload_request> request) {
    try {
        request->answer_ = request->handle();
    } catch (std::bad_alloc const&) {
        fail(*request, errc::no_memory, "out of memory");
    } catch (std::exception const& failure) {
        fail(*request, errc::handler_failed, failure.what());
    } catch (...) {
        bool ends_thread = !std::current_exception();
        fail(*request, errc::handler_failed,
             ends_thread ? "it ended its thread" : "not a std::exception");
        deliver(std::move(request));
        if (ends_thread) throw; // which the C library insists on
        return;
    }
    deliver(std::move(request));
}

void offload_pool::fail(offload_request& request, errc reason, std::string_view what) noexcept {
    request.failure_ = reason;
    std::optional<std::uint64_t> suppressed;
    {
        std::lock_guard lock{mutex_};
        ++counters_.offload_failed;
        suppressed = failures_.admit(std::chrono::steady_clock::now());
    }
    if (!suppressed) return;
    try {
        auto id = request.id();
        log(error) << "offloaded handler failed for slot " << id.slot() << " of worker "
                   << field("worker", id.worker()) << ": " << field("reason", what)
                   << "; connection closed; " << field("suppressed", *suppressed)
                   << " more suppressed before";
    } catch (...) {
        // The counter tells.
    }
}

// The mailbox takes answers beyond its capacity: the requests were bounded, and nobody would learn
// of an answer that is lost.
void offload_pool::deliver(std::unique_ptr<offload_request> request) noexcept {
    bool answers = !request->answer_.empty();
    auto* recipient = workers_->find(request->id().worker());
    if (!recipient->post_admitted(std::move(request))) return;
    // The worker has ended, and all of its connections.
    if (!answers) return;
    std::lock_guard lock{mutex_};
    ++counters_.stale_requests;
}

} // namespace millipede::detail
