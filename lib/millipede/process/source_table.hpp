// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/base/rate_limit.hpp>
#include <millipede/base/source_key.hpp>

#include <cstddef>
#include <cstdint>
#include <unordered_map>

namespace millipede::detail {

/// How many connections there are from each source address, and how often new ones came lately.
/// Sources that have none and were quiet are forgotten bit by bit: the table stays about as small
/// as the number of those present, however many come and go. One thread.
class source_table {
  public:
    struct source {
        std::uint32_t connections = 0;
        rate_limit::bucket arrivals{};
    };

    /// \param arrival_rate what `source::arrivals` is used with: none is forgotten in debt.
    explicit source_table(rate_limit arrival_rate);

    /// Another rate: no source owes it anything.
    void set_arrival_rate(rate_limit rate) noexcept;

    /// The entry of a source, made when there is none; valid until the next call.
    /// \throws std::bad_alloc
    source& at(source_key key, rate_limit::time_point now);

    /// A connection of that source has ended.
    void departed(source_key key) noexcept;

    std::size_t size() const noexcept { return sources_.size(); }

  private:
    // Seeded, so that nobody can choose addresses that all fall into one bucket.
    struct hash {
        std::uint64_t seed;
        std::size_t operator()(source_key key) const noexcept;
    };

    bool forgettable(source const& entry, rate_limit::time_point now) const noexcept;
    void sweep(rate_limit::time_point now) noexcept;

    rate_limit arrival_rate_;
    std::unordered_map<source_key, source, hash> sources_;
    std::size_t next_bucket_ = 0; ///< To be swept.
};

} // namespace millipede::detail
