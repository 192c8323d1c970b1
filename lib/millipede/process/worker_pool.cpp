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

void worker_pool::start(std::function<void()> on_all_ended) {
    on_all_ended_ = std::move(on_all_ended);
    alive_ = size();
    for (auto& worker : workers_)
        worker->start([this] {
            if (alive_.fetch_sub(1) == 1) on_all_ended_();
        });
}

void worker_pool::stop(stop_plan const& plan) {
    for (auto& worker : workers_)
        worker->stop(plan);
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
    auto least = load(0);
    for (std::uint32_t index = 1; index < size(); ++index) {
        auto other = load(index);
        if (other < least) {
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
