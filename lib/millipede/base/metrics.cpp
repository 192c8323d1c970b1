// SPDX-License-Identifier: BSL-1.0
#include <millipede/base/metrics.hpp>

namespace millipede {

metrics& metrics::operator+=(worker_metrics const& part) noexcept {
    // Both walks name the same counters in the same order: that is what for_each promises.
    std::array<std::uint64_t, sizeof(metrics) / sizeof(std::uint64_t)> values{};
    std::size_t count = 0;
    worker_metrics::for_each(
        part, [&](std::string_view, auto const& cell) { values[count++] = cell.load(); });
    count = 0;
    metrics::for_each(*this, [&](std::string_view, std::uint64_t& sum) { sum += values[count++]; });
    return *this;
}

} // namespace millipede
