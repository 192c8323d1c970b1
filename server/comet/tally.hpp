// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/base/metrics.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace comet {

/// What the comet server counts, beside what every server does.
enum class counted : std::uint8_t {
    requests,         ///< Requests that were taken.
    refused_requests, ///< Requests that no HTTP server has to take: with status 400 to 505.
    unknown_paths,    ///< Status 404.
    wrong_methods,    ///< Status 405.
    bad_parameters,   ///< Status 400 for a callback or a name that may not be.
    forbidden,        ///< Status 403: the address gate.
    bad_tokens,       ///< Message 401.
    channels_full,    ///< No channel made: there are `channels_max`.
    users_full,       ///< A subscription counts as nobody's: there are so many users already.
    subscribers_full, ///< No subscription: the channel has `subscribers_max`.
    published,        ///< Messages taken from publishers, broadcasts included.
    publish_refused,  ///< Messages refused, as too much waits for a worker: status 503.
    delivered,        ///< Messages given to subscribers.
    noops,            ///< Subscribers told that there was nothing.
    count,            ///< How many these are.
};

/// One counter of each kind per worker, each written by its worker's thread alone.
class tally {
  public:
    using cell = millipede::single_writer<std::uint64_t>;

    explicit tally(std::size_t workers) : rows_(workers) {}

    /// The worker's own thread.
    cell& at(std::uint32_t worker, counted what) noexcept {
        return rows_[worker].cells[static_cast<std::size_t>(what)];
    }
    /// Over all workers. Any thread.
    std::uint64_t sum(counted what) const noexcept {
        std::uint64_t total = 0;
        for (auto const& each : rows_)
            total += each.cells[static_cast<std::size_t>(what)].load();
        return total;
    }
    /// Calls `f(name, sum)` for each. Any thread.
    template <class F>
    void for_each(F f) const {
        static constexpr std::array<std::string_view, static_cast<std::size_t>(counted::count)>
            names{"requests",       "refused_requests",
                  "unknown_paths",  "wrong_methods",
                  "bad_parameters", "forbidden",
                  "bad_tokens",     "channels_full",
                  "users_full",     "subscribers_full",
                  "published",      "publish_refused",
                  "delivered",      "noops"};
        for (std::size_t index = 0; index < names.size(); ++index)
            f(names[index], sum(static_cast<counted>(index)));
    }

  private:
    struct alignas(64) row { // two workers never share a cache line
        std::array<cell, static_cast<std::size_t>(counted::count)> cells{};
    };
    std::vector<row> rows_;
};

} // namespace comet
