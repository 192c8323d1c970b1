// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <chrono>
#include <cstdint>

namespace millipede::detail {

/// Spreads the ends of many connections evenly over a window of time. Counts them rather than
/// giving each a moment of its own: nothing is kept per connection.
class closing_schedule {
  public:
    using clock = std::chrono::steady_clock;

    static constexpr std::uint64_t all = UINT64_MAX;

    /// All at once.
    closing_schedule() noexcept = default;

    /// \param phase 0 to 1: how far the first one is ahead, so that several workers with few
    ///        connections each do not end theirs at the same moments.
    closing_schedule(std::uint32_t count, clock::time_point begin, std::chrono::milliseconds window,
                     double phase) noexcept
        : begin_{begin}, window_{window}, count_{count}, phase_{phase} {}

    /// How many are to have ended by `now`; `all` when the window is over.
    std::uint64_t due(clock::time_point now) const noexcept {
        if (now - begin_ >= window_) return all;
        auto part = std::chrono::duration<double>(now - begin_) / window_;
        return static_cast<std::uint64_t>(part * count_ + phase_);
    }

  private:
    clock::time_point begin_{};
    std::chrono::milliseconds window_{0};
    std::uint32_t count_ = 0;
    double phase_ = 0;
};

} // namespace millipede::detail
