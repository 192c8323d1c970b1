// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "time.hpp"

#include <cstdint>
#include <string>

namespace load {

// One updating line on standard error; separate lines if that is no terminal.
class progress {
  public:
    explicit progress(bool enabled);
    ~progress() { clear(); }

    std::int64_t next_ns() const { return next_ns_; }
    bool due(std::int64_t now_ns) const { return next_ns_ <= now_ns; }
    void show(std::string const& line, std::int64_t now_ns);
    void clear();

    // How fast `total` grew since the last call, per second.
    double rate_of(std::uint64_t total, std::int64_t now_ns);

  private:
    std::int64_t interval_ns_;
    std::int64_t next_ns_;
    std::int64_t last_ns_;
    std::uint64_t last_total_ = 0;
    bool terminal_;
    bool shown_ = false;
};

} // namespace load
