// SPDX-License-Identifier: BSL-1.0
#include "histogram.hpp"

#include <cmath>
#include <functional>

namespace load {

void histogram::add(histogram const& other) {
    std::ranges::transform(counts_, other.counts_, counts_.begin(), std::plus{});
    count_ += other.count_;
    sum_ns_ += other.sum_ns_;
    max_ns_ = std::max(max_ns_, other.max_ns_);
}

double histogram::middle_of(std::size_t bucket) {
    if (bucket < steps) return static_cast<double>(bucket);
    auto const shift = bucket / steps - 1;
    auto const low = static_cast<double>((bucket - shift * steps) << shift);
    return low + static_cast<double>((std::uint64_t{1} << shift) - 1) / 2;
}

double histogram::percentile_ns(double percent) const {
    if (count_ == 0) return 0;
    auto const wanted = std::max<std::uint64_t>(
        1, static_cast<std::uint64_t>(std::ceil(static_cast<double>(count_) * percent / 100)));
    std::uint64_t seen = 0;
    for (std::size_t bucket = 0; bucket < counts_.size(); ++bucket) {
        seen += counts_[bucket];
        // A bucket's middle may lie above the largest value that fell into it.
        if (seen >= wanted) return std::min(middle_of(bucket), static_cast<double>(max_ns_));
    }
    return static_cast<double>(max_ns_);
}

} // namespace load
