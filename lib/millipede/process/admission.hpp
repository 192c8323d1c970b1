// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/base/log.hpp>
#include <millipede/base/metrics.hpp>
#include <millipede/base/options.hpp>
#include <millipede/base/rate_limit.hpp>
#include <millipede/base/source_key.hpp>
#include <millipede/process/source_table.hpp>
#include <millipede/process/worker_pool.hpp>
#include <millipede/worker/doorkeeper.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>

namespace millipede::detail {

/// Who is let in: the limits on connections in all and per source, and on how fast new ones may
/// come. The acceptor's thread; what it has to know of connections that end, workers tell it
/// through queues without locks. Workers only ask where a PROXY header names the source: so what
/// belongs to sources has a lock, which is taken once per newcomer and never for a message.
class admission final : public doorkeeper {
  public:
    enum class verdict {
        welcome,
        over_limit,        ///< `options::connections_max`
        over_source_limit, ///< `options::connections_per_source_max`
        over_rate,         ///< `options::accepts_per_second`
        over_source_rate,  ///< `options::accepts_per_second_per_source`
        no_memory,         ///< To remember the source.
    };

    admission(options const& limits, worker_pool& workers);

    /// Whether there is any limit.
    bool on() const noexcept { return connections_max_ != 0 || rate_.on() || asks_for_source(); }
    /// Whether a limit wants to know where newcomers come from. Never changes.
    bool asks_for_source() const noexcept { return asks_for_source_; }

    /// Other limits; whether sources are counted and asked for stays as it is. A rate that has
    /// changed begins with all that may come at once. The acceptor's thread.
    void reload(options const& limits) noexcept;

    /// Whether a newcomer may come in; a welcome one counts from now on. An unknown source meets
    /// no limit per source.
    verdict admit(source_key source, rate_limit::time_point now) noexcept;

    /// The limits per source alone, for one that was let in without being asked for it. Any
    /// worker's thread.
    bool admit(boost::asio::ip::tcp::endpoint const& client,
               worker_metrics& counters) noexcept override;

    /// A newcomer that was welcome found no place: it does not count as present.
    void withdraw(source_key source) noexcept;

    /// Counts and logs that the newcomer behind `descriptor` is not let in. The acceptor's thread.
    void note_refusal(verdict why, int descriptor, worker_metrics& counters) noexcept;

  private:
    static constexpr std::size_t verdicts = 6;

    verdict admit_source(source_key source, rate_limit::time_point now) noexcept;
    verdict meet_limits_of(source_key source, rate_limit::time_point now);
    template <class Who>
    void refuse(verdict why, worker_metrics& counters, Who who) noexcept;
    std::string describe(verdict why) const;

    worker_pool* workers_;
    bool const counts_sources_;
    bool const asks_for_source_;
    // The acceptor's:
    std::uint32_t connections_max_;
    std::uint32_t accepts_per_second_;
    rate_limit rate_;
    rate_limit::bucket arrivals_{};
    std::mutex mutex_; // of what follows, and of what has departed
    std::uint32_t source_max_;
    std::uint32_t accepts_per_source_;
    rate_limit source_rate_;
    source_table sources_;
    std::array<log_limiter, verdicts> lines_; // by verdict: a flood of one kind hides no other
};

} // namespace millipede::detail
