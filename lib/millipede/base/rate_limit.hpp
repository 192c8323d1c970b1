// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace millipede::detail {

/// So many per second, and so many at once after a calm: a bucket of tokens that fills at a rate.
/// What each holder keeps is the one moment at which its bucket will be full again: 8 bytes, no
/// timer, and a new holder's bucket is full.
class rate_limit {
  public:
    using clock = std::chrono::steady_clock;
    using time_point = clock::time_point;

    /// The bucket of one holder.
    struct bucket {
        time_point full_at{};
    };

    /// Limits nothing.
    constexpr rate_limit() noexcept = default;
    /// \param per_second up to 10^10; 0: limits nothing.
    /// \param burst      up to 10^10, and to a hundred years' worth; 0: one second's worth.
    constexpr rate_limit(std::uint64_t per_second, std::uint64_t burst) noexcept
        : per_second_{per_second},
          fill_time_{per_second == 0 ? clock::duration{}
                                     : time_of(burst == 0 ? per_second : burst)} {}

    constexpr bool on() const noexcept { return per_second_ != 0; }
    friend bool operator==(rate_limit const&, rate_limit const&) = default;
    /// How long an empty bucket takes to be full.
    constexpr clock::duration fill_time() const noexcept { return fill_time_; }

    /// Takes `count`, up to 10^9, whether they are there or not: a debt is paid off first.
    void take(bucket& from, std::uint64_t count, time_point now) const noexcept {
        if (on()) from.full_at = std::max(from.full_at, now) + time_of(count);
    }
    /// Whether there is one to take.
    bool has_one(bucket const& in, time_point now) const noexcept {
        return !on() || in.full_at - now <= fill_time_ - time_of(1);
    }
    /// Whether more were taken than there were.
    bool in_debt(bucket const& in, time_point now) const noexcept {
        return on() && in.full_at - now > fill_time_;
    }
    /// Whether the bucket is as that of a new holder.
    bool is_full(bucket const& in, time_point now) const noexcept {
        return !on() || in.full_at <= now;
    }

  private:
    constexpr clock::duration time_of(std::uint64_t count) const noexcept {
        // Unsigned, as 10^10 at once times 10^9 does not fit otherwise.
        return std::chrono::nanoseconds{
            static_cast<std::int64_t>(count * 1'000'000'000U / per_second_)};
    }

    std::uint64_t per_second_ = 0;
    clock::duration fill_time_{};
};

} // namespace millipede::detail
