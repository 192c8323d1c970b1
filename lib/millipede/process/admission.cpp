// SPDX-License-Identifier: BSL-1.0
#include <millipede/process/admission.hpp>

#include <millipede/worker/transport.hpp>

#include <chrono>
#include <new>
#include <string>

namespace millipede::detail {
namespace {

log_limiter line_per_second() noexcept {
    return {1, std::chrono::seconds{1}};
}

} // namespace

admission::admission(options const& limits, worker_pool& workers)
    : workers_{&workers},
      counts_sources_{limits.connections_per_source_max != 0},
      asks_for_source_{counts_sources_ || limits.accepts_per_second_per_source != 0},
      connections_max_{limits.connections_max},
      accepts_per_second_{limits.accepts_per_second},
      rate_{limits.accepts_per_second, limits.accepts_burst},
      source_max_{limits.connections_per_source_max},
      accepts_per_source_{limits.accepts_per_second_per_source},
      source_rate_{limits.accepts_per_second_per_source, limits.accepts_burst_per_source},
      sources_{source_rate_},
      lines_{line_per_second(), line_per_second(), line_per_second(),
             line_per_second(), line_per_second(), line_per_second()} {}

void admission::reload(options const& limits) noexcept {
    connections_max_ = limits.connections_max;
    accepts_per_second_ = limits.accepts_per_second;
    rate_limit rate{limits.accepts_per_second, limits.accepts_burst};
    if (rate != rate_) arrivals_ = {};
    rate_ = rate;
    std::lock_guard lock{mutex_};
    source_max_ = limits.connections_per_source_max;
    accepts_per_source_ = limits.accepts_per_second_per_source;
    rate_limit source_rate{limits.accepts_per_second_per_source, limits.accepts_burst_per_source};
    if (source_rate != source_rate_) sources_.set_arrival_rate(source_rate);
    source_rate_ = source_rate;
}

// What belongs to all is taken last: whom another limit turns away takes none of it.
admission::verdict admission::admit(source_key source, rate_limit::time_point now) noexcept {
    if (connections_max_ != 0 && workers_->connections() >= connections_max_)
        return verdict::over_limit;
    if (!rate_.has_one(arrivals_, now)) return verdict::over_rate;
    if (auto why = admit_source(source, now); why != verdict::welcome) return why;
    rate_.take(arrivals_, 1, now);
    return verdict::welcome;
}

bool admission::admit(boost::asio::ip::tcp::endpoint const& client,
                      worker_metrics& counters) noexcept {
    auto why = admit_source(source_key{client.address()}, std::chrono::steady_clock::now());
    if (why == verdict::welcome) return true;
    refuse(why, counters, [&] { return client; });
    return false;
}

admission::verdict admission::admit_source(source_key source, rate_limit::time_point now) noexcept {
    if (!asks_for_source() || !source.known()) return verdict::welcome;
    std::lock_guard lock{mutex_};
    try {
        return meet_limits_of(source, now);
    } catch (std::bad_alloc const&) {
        return verdict::no_memory;
    }
}

admission::verdict admission::meet_limits_of(source_key source, rate_limit::time_point now) {
    if (counts_sources_)
        workers_->take_departed([this](source_key gone) { sources_.departed(gone); });
    auto& entry = sources_.at(source, now);
    if (counts_sources_ && entry.connections >= source_max_) return verdict::over_source_limit;
    if (!source_rate_.has_one(entry.arrivals, now)) return verdict::over_source_rate;
    source_rate_.take(entry.arrivals, 1, now);
    if (counts_sources_) ++entry.connections;
    return verdict::welcome;
}

void admission::withdraw(source_key source) noexcept {
    if (!counts_sources_) return;
    std::lock_guard lock{mutex_};
    sources_.departed(source);
}

void admission::note_refusal(verdict why, int descriptor, worker_metrics& counters) noexcept {
    refuse(why, counters, [&] { return socket_peer_name(descriptor); });
}

template <class Who>
void admission::refuse(verdict why, worker_metrics& counters, Who who) noexcept {
    switch (why) {
    case verdict::welcome:
        return;
    case verdict::over_limit:
        ++counters.newcomers_over_limit;
        break;
    case verdict::over_source_limit:
        ++counters.newcomers_over_source_limit;
        break;
    case verdict::over_rate:
        ++counters.newcomers_over_rate;
        break;
    case verdict::over_source_rate:
        ++counters.newcomers_over_source_rate;
        break;
    case verdict::no_memory:
        ++counters.newcomers_shed;
        break;
    }
    try {
        std::unique_lock lock{mutex_};
        auto& line = lines_[static_cast<std::size_t>(why)];
        auto suppressed = line.admit(std::chrono::steady_clock::now());
        if (!suppressed) return;
        auto reason = describe(why);
        lock.unlock();
        log(warning) << field("reason", reason) << ": closed newcomer " << field("peer", who())
                     << "; " << field("suppressed", *suppressed) << " more suppressed before";
    } catch (std::bad_alloc const&) {
        // The counters tell.
    }
}

std::string admission::describe(verdict why) const {
    switch (why) {
    case verdict::over_limit:
        return "all " + std::to_string(connections_max_) + " connections are in use";
    case verdict::over_source_limit:
        return "more than " + std::to_string(source_max_) + " connections of one source";
    case verdict::over_rate:
        return "more than " + std::to_string(accepts_per_second_) + " new connections per second";
    case verdict::over_source_rate:
        return "more than " + std::to_string(accepts_per_source_) +
               " new connections per second of one source";
    case verdict::welcome:
    case verdict::no_memory:
        break;
    }
    return "no memory to admit";
}

} // namespace millipede::detail
