// SPDX-License-Identifier: BSL-1.0
#include <millipede/process/source_table.hpp>

#include <random>

namespace millipede::detail {
namespace {

// More than one per new entry, so that sweeping keeps ahead of growing.
constexpr int buckets_per_sweep = 4;

std::uint64_t random_seed() {
    std::random_device device;
    return std::uint64_t{device()} << 32 | device();
}

} // namespace

source_table::source_table(rate_limit arrival_rate)
    : arrival_rate_{arrival_rate}, sources_(0, hash{random_seed()}) {}

source_table::source& source_table::at(source_key key, rate_limit::time_point now) {
    sweep(now);
    return sources_[key];
}

void source_table::set_arrival_rate(rate_limit rate) noexcept {
    arrival_rate_ = rate;
    for (auto& [key, entry] : sources_)
        entry.arrivals = {};
}

void source_table::departed(source_key key) noexcept {
    auto found = sources_.find(key);
    if (found == sources_.end() || found->second.connections == 0) return;
    --found->second.connections;
    // With a rate of arrivals, a later sweep knows when it may be forgotten.
    if (found->second.connections == 0 && !arrival_rate_.on()) sources_.erase(found);
}

bool source_table::forgettable(source const& entry, rate_limit::time_point now) const noexcept {
    return entry.connections == 0 && arrival_rate_.is_full(entry.arrivals, now);
}

// One entry of a bucket at most: there is seldom more than one in it.
void source_table::sweep(rate_limit::time_point now) noexcept {
    for (int count = 0; count < buckets_per_sweep && !sources_.empty(); ++count) {
        next_bucket_ = (next_bucket_ + 1) % sources_.bucket_count();
        auto end = sources_.end(next_bucket_);
        for (auto entry = sources_.begin(next_bucket_); entry != end; ++entry)
            if (forgettable(entry->second, now)) {
                auto key = entry->first;
                sources_.erase(key);
                break;
            }
    }
}

// The finalizer of splitmix64 (Sebastiano Vigna, public domain): every bit of the key counts.
std::size_t source_table::hash::operator()(source_key key) const noexcept {
    auto bits = key.bits() + seed;
    bits = (bits ^ bits >> 30) * 0xbf58476d1ce4e5b9;
    bits = (bits ^ bits >> 27) * 0x94d049bb133111eb;
    return static_cast<std::size_t>(bits ^ bits >> 31);
}

} // namespace millipede::detail
