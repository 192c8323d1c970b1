// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/base/options.hpp>

#include <memory>
#include <mutex>
#include <utility>

namespace millipede::detail {

/// The options that a worker goes by: its own copy, which only its thread reads and changes, so
/// that no message pays for it; and those that it has been asked to go by next.
class live_limits {
  public:
    explicit live_limits(options const& at_start) : in_force{at_start} {}

    /// Any thread. What was asked before and not taken yet is passed over. \returns whether the
    /// worker has to be told that there is something to take.
    bool ask(std::shared_ptr<options const> wanted) noexcept {
        std::lock_guard lock{mutex_};
        bool first = !asked_;
        asked_.swap(wanted);
        return first;
    }
    /// The worker's thread: what was asked for last; null when there is nothing.
    std::shared_ptr<options const> take() noexcept {
        std::lock_guard lock{mutex_};
        return std::exchange(asked_, nullptr);
    }

    options in_force;

  private:
    std::mutex mutex_;
    std::shared_ptr<options const> asked_;
};

} // namespace millipede::detail
