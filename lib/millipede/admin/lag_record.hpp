// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace millipede::detail {

/// How long requests waited for a worker: as a histogram since the start, and the last minute.
class lag_record {
  public:
    /// Upper bounds of the histogram's buckets, in seconds; a further one has no bound.
    static constexpr std::array bounds{0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
                                       0.05,   0.1,    0.25,  0.5,    1.0,   2.5,  10.0};

    /// So many of the last are looked at again.
    static constexpr std::size_t window = 300;

    void add(double seconds) noexcept;

    /// How many were in the bucket of that number, and in none of those before.
    std::uint64_t in_bucket(std::size_t number) const noexcept { return buckets_[number]; }
    std::uint64_t count() const noexcept { return count_; }
    double sum_seconds() const noexcept { return sum_; }
    double last_seconds() const noexcept;
    /// The smallest that is not exceeded by this share of the window; 0 when there is nothing.
    double quantile_seconds(double share) const;

  private:
    std::array<std::uint64_t, bounds.size() + 1> buckets_{};
    std::uint64_t count_ = 0;
    double sum_ = 0;
    std::array<double, window> recent_{}; // in a ring; the last is before `count_ % window`
};

} // namespace millipede::detail
