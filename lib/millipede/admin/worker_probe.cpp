// SPDX-License-Identifier: BSL-1.0
#include <millipede/admin/worker_probe.hpp>

#include <pthread.h>

#include <algorithm>
#include <utility>

namespace millipede::detail {
namespace {

double in_seconds(std::chrono::nanoseconds time) {
    return std::chrono::duration<double>{time}.count();
}

} // namespace

class worker_probe::question final : public mail {
  public:
    explicit question(std::shared_ptr<report> answer) : answer_{std::move(answer)} {}

    void run(worker& recipient) override {
        answer_->waited = std::chrono::steady_clock::now() - begin_;
        answer_->buffer_bytes = recipient.pool().budget().used_bytes();
        ::clockid_t clock{};
        if (::pthread_getcpuclockid(::pthread_self(), &clock) == 0) answer_->clock = clock;
        answer_->made.store(true, std::memory_order_release);
    }

  private:
    std::shared_ptr<report> answer_;
    time_point begin_ = std::chrono::steady_clock::now();
};

void worker_probe::ask(worker& subject, time_point now) {
    if (pending_) {
        if (!pending_->made.load(std::memory_order_acquire)) return;
        take(*std::exchange(pending_, nullptr));
    }
    auto answer = std::make_shared<report>();
    // Admitted whatever waits: a full mailbox is when it is most wanted, and there is but one.
    if (subject.post_admitted(std::make_unique<question>(answer))) return;
    pending_ = std::move(answer);
    asked_at_ = now;
}

void worker_probe::take(report const& found) {
    lags_.add(in_seconds(found.waited));
    buffer_bytes_ = found.buffer_bytes;
    if (found.clock != clock_) { // the worker has got another thread
        cpu_before_ += std::exchange(cpu_of_thread_, 0);
        clock_ = found.clock;
    }
}

void worker_probe::look_at_clock(time_point now) noexcept {
    ::timespec time{};
    if (!clock_ || ::clock_gettime(*clock_, &time) != 0) return;
    auto thread = static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
    cpu_of_thread_ = std::max(cpu_of_thread_, thread);
    auto passed = looked_at_ ? in_seconds(now - *looked_at_) : 0;
    if (passed > 0) busy_share_ = std::clamp((cpu_seconds() - cpu_at_look_) / passed, 0.0, 1.0);
    looked_at_ = now;
    cpu_at_look_ = cpu_seconds();
}

double worker_probe::waits_seconds(time_point now) const noexcept {
    bool waits = pending_ && !pending_->made.load(std::memory_order_acquire);
    return waits ? in_seconds(now - asked_at_) : 0;
}

double worker_probe::lag_seconds(time_point now) const noexcept {
    return std::max(lags_.last_seconds(), waits_seconds(now));
}

double worker_probe::lag_max_seconds(time_point now) const {
    return std::max(lags_.quantile_seconds(1), waits_seconds(now));
}

} // namespace millipede::detail
