// SPDX-License-Identifier: BSL-1.0
#include <millipede/admin/lag_record.hpp>

#include <algorithm>
#include <cmath>
#include <vector>

namespace millipede::detail {

void lag_record::add(double seconds) noexcept {
    auto bucket = std::lower_bound(bounds.begin(), bounds.end(), seconds) - bounds.begin();
    ++buckets_[static_cast<std::size_t>(bucket)];
    recent_[count_++ % window] = seconds;
    sum_ += seconds;
}

double lag_record::last_seconds() const noexcept {
    return count_ == 0 ? 0 : recent_[(count_ - 1) % window];
}

double lag_record::quantile_seconds(double share) const {
    auto size = std::min<std::uint64_t>(count_, window);
    if (size == 0) return 0;
    std::vector<double> sorted(recent_.begin(),
                               recent_.begin() + static_cast<std::ptrdiff_t>(size));
    auto rank = static_cast<std::ptrdiff_t>(std::ceil(share * static_cast<double>(size))) - 1;
    auto wanted = sorted.begin() + std::max<std::ptrdiff_t>(rank, 0);
    std::nth_element(sorted.begin(), wanted, sorted.end());
    return *wanted;
}

} // namespace millipede::detail
