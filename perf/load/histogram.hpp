// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace load {

// Log-linear buckets as HdrHistogram has them: 256 equal steps within every power of two, so a
// percentile is off by at most 0.2 % of itself, over any range and without allocating while
// recording.
class histogram {
  public:
    histogram() : counts_(bucket_count) {}

    void record(std::int64_t value_ns) {
        auto const value = static_cast<std::uint64_t>(std::max<std::int64_t>(value_ns, 0));
        ++counts_[bucket_of(value)];
        ++count_;
        sum_ns_ += static_cast<double>(value);
        max_ns_ = std::max(max_ns_, value);
    }

    void add(histogram const& other);

    std::uint64_t count() const { return count_; }
    double mean_ns() const { return count_ == 0 ? 0 : sum_ns_ / static_cast<double>(count_); }
    std::uint64_t max_ns() const { return max_ns_; }
    double percentile_ns(double percent) const;

  private:
    static constexpr unsigned step_bits = 8;
    static constexpr std::uint64_t steps = 1U << step_bits;
    static constexpr unsigned value_bits = 44; // 2^44 ns are almost five hours
    static constexpr std::size_t bucket_count = (value_bits - step_bits + 1) * steps;

    // Values below `steps` have a bucket each; above, the top step_bits + 1 bits choose it.
    static std::size_t bucket_of(std::uint64_t value) {
        if (value < steps) return static_cast<std::size_t>(value);
        value = std::min(value, (std::uint64_t{1} << value_bits) - 1);
        auto const shift = static_cast<unsigned>(std::bit_width(value)) - (step_bits + 1);
        return static_cast<std::size_t>(shift * steps + (value >> shift));
    }

    static double middle_of(std::size_t bucket);

    std::vector<std::uint64_t> counts_;
    std::uint64_t count_ = 0;
    double sum_ns_ = 0;
    std::uint64_t max_ns_ = 0;
};

} // namespace load
