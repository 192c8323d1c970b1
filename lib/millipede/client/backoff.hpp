// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/client/options.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <random>

namespace millipede::detail {

/// How long to wait before the next attempt: full jitter over a bound that doubles up to a cap. No
/// clock, and randomness from outside: what is drawn can be repeated.
class backoff {
  public:
    using milliseconds = std::chrono::milliseconds;

    /// The longest pause after `failures` (0 and up) failures in a row.
    static milliseconds bound(reconnect_options const& limits, std::uint32_t failures) noexcept {
        // By halving the cap rather than by doubling the base: nothing overflows.
        auto room = limits.cap.count() >> std::min<std::uint32_t>(failures, 62);
        return room < limits.base.count() ? limits.cap
                                          : milliseconds{limits.base.count() << failures};
    }

    template <std::uniform_random_bit_generator Random>
    milliseconds next(reconnect_options const& limits, Random& random) {
        auto most = bound(limits, failures_);
        ++failures_;
        std::uniform_int_distribution<std::int64_t> even{0, most.count()};
        return milliseconds{even(random)};
    }

    /// The pauses begin anew.
    void succeed() noexcept { failures_ = 0; }

  private:
    std::uint32_t failures_ = 0;
};

} // namespace millipede::detail
