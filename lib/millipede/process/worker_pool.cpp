// SPDX-License-Identifier: BSL-1.0
#include <millipede/process/worker_pool.hpp>

#include <utility>

namespace millipede::detail {

worker_pool::worker_pool(options const& limits, std::span<protocol* const> protocols,
                         std::span<greeting const> greetings)
    : limits_{&limits},
      output_budget_{limits.output_budget_bytes, limits.workers,
                     [this](std::uint32_t index) { workers_[index]->ask_to_shed(); }},
      placed_(limits.workers) {
    for (std::uint32_t index = 0; index < limits.workers; ++index)
        workers_.push_back(
            std::make_unique<worker>(index, limits, protocols, greetings, &output_budget_));
}

void worker_pool::count_commands() {
    for (auto& worker : workers_)
        worker->mutable_counters().by_command = command_counts_.emplace_back().data();
}

std::uint64_t worker_pool::messages_of(std::uint16_t command) const noexcept {
    std::uint64_t sum = 0;
    for (auto const& counts : command_counts_)
        sum += counts[command].load();
    return sum;
}

void worker_pool::start(std::function<void()> on_all_ended) {
    on_all_ended_ = std::move(on_all_ended);
    alive_ = size();
    for (std::uint32_t index = 0; index < size(); ++index) {
        try {
            workers_[index]->start([this] { one_ended(); });
        } catch (...) {
            std::lock_guard lock{mutex_};
            alive_ -= size() - index;
            throw;
        }
    }
}

void worker_pool::disregard_end() noexcept {
    std::lock_guard lock{mutex_};
    on_all_ended_ = nullptr;
}

void worker_pool::one_ended() noexcept {
    std::lock_guard lock{mutex_};
    if (--alive_ != 0) return;
    if (on_all_ended_) on_all_ended_();
    all_ended_.notify_all();
}

void worker_pool::stop(stop_plan const& plan) noexcept {
    for (auto& worker : workers_)
        worker->stop(plan);
}

bool worker_pool::wait_until(std::chrono::steady_clock::time_point deadline) {
    std::unique_lock lock{mutex_};
    return all_ended_.wait_until(lock, deadline, [this] { return alive_ == 0; });
}

void worker_pool::join() {
    for (auto& worker : workers_)
        worker->join();
}

std::uint64_t worker_pool::load(std::uint32_t index) const noexcept {
    return placed_[index].total - workers_[index]->counters().released.load();
}

bool worker_pool::place(accepted_socket socket) {
    std::uint32_t chosen = 0;
    bool stalled = workers_[0]->stalled();
    auto least = load(0);
    for (std::uint32_t index = 1; index < size(); ++index) {
        bool also = workers_[index]->stalled();
        auto other = load(index);
        if (also != stalled ? stalled : other < least) {
            stalled = also;
            least = other;
            chosen = index;
        }
    }
    if (least >= limits_->connections_per_worker) return false;
    if (!workers_[chosen]->incoming().push(socket)) return false;
    ++placed_[chosen].total;
    placed_[chosen].to_wake = true;
    return true;
}

std::uint64_t worker_pool::connections() const noexcept {
    std::uint64_t sum = 0;
    for (std::uint32_t index = 0; index < size(); ++index)
        sum += load(index);
    return sum;
}

void worker_pool::wake() {
    for (std::uint32_t index = 0; index < size(); ++index)
        if (std::exchange(placed_[index].to_wake, false)) workers_[index]->wake();
}

void worker_pool::add_to(metrics& sum) const noexcept {
    for (auto const& worker : workers_)
        sum += worker->counters();
}

} // namespace millipede::detail
