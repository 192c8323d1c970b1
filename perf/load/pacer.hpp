// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "time.hpp"

#include <cstdint>

namespace load {

// A fixed timetable: event number i is due at start + i / rate, however late the events before it
// were. Latency counted from that time shows a stalled server in full (no coordinated omission).
class pacer {
  public:
    explicit pacer(double rate_per_second = 0)
        : interval_ns_{rate_per_second > 0 ? 1e9 / rate_per_second : 0} {}

    void start(std::int64_t now_ns) {
        start_ns_ = now_ns;
        taken_ = 0;
    }

    bool paced() const { return interval_ns_ > 0; }
    bool due(std::int64_t now_ns) const { return !paced() || next_ns() <= now_ns; }
    std::uint64_t taken() const { return taken_; }

    std::int64_t next_ns() const {
        return start_ns_ + static_cast<std::int64_t>(static_cast<double>(taken_) * interval_ns_);
    }

    // The time that the event should have happened, which is now if there is no timetable.
    std::int64_t take(std::int64_t now_ns) {
        auto const intended_ns = paced() ? next_ns() : now_ns;
        ++taken_;
        return intended_ns;
    }

  private:
    double interval_ns_;
    std::int64_t start_ns_ = 0;
    std::uint64_t taken_ = 0;
};

} // namespace load
