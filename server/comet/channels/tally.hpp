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
    slow_requests,    ///< Requests that were not whole in time: status 408.
    unknown_paths,    ///< Status 404.
    void_queries,     ///< Queries with an item or a byte that may not be: as if there were none.
    wrong_methods,    ///< Status 405.
    bad_parameters,   ///< Status 400 for a callback or a name that may not be.
    forbidden,        ///< Status or message 403: the address gate, and who may not publish.
    bad_tokens,       ///< Message 401, of subscribers and publishers.
    channels_full,    ///< No channel made: there are `channels_max`.
    users_full,       ///< A subscription counts as nobody's: there are so many users already.
    subscribers_full, ///< No subscription: the channel has `subscribers_max`.
    published,        ///< Messages taken from publishers, broadcasts included.
    publish_refused,  ///< Messages refused, as too much waits for a worker: status 503.
    delivered,        ///< Messages given to subscribers.
    noops,            ///< Subscribers told that there was nothing.
    websockets,       ///< WebSockets that have begun.
    bad_commands,     ///< WebSockets and framed connections ended for what they sent.
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
        for (std::size_t index = 0; index < kinds.size(); ++index)
            f(kinds[index].name, sum(static_cast<counted>(index)));
    }

    /// How those who run the server know a counter.
    struct kind {
        std::string_view name;
        std::string_view meaning;
    };
    /// In the order of `counted`.
    static constexpr std::array<kind, static_cast<std::size_t>(counted::count)> kinds{
        {{"requests", "requests that were taken"},
         {"refused_requests", "requests that cannot be taken: status 400 to 505"},
         {"slow_requests", "requests that were not whole in time: status 408"},
         {"unknown_paths", "requests of a path that there is not: status 404"},
         {"void_queries", "queries that say nothing, for an item or a byte that may not be"},
         {"wrong_methods", "requests of a method that the path does not have: status 405"},
         {"bad_parameters", "requests with a parameter that may not be: status 400"},
         {"forbidden", "requests and commands of those who may not: status 403"},
         {"bad_tokens", "subscribers and publishers with a wrong token"},
         {"channels_full", "requests refused because there are as many channels as may be"},
         {"users_full", "subscriptions counted as nobody's, as there are so many users already"},
         {"subscribers_full", "subscribers refused because their channel has as many as may be"},
         {"published", "messages taken from publishers"},
         {"publish_refused", "messages refused because too much waits for a worker: status 503"},
         {"delivered", "messages given to subscribers"},
         {"noops", "times that a subscriber was told that there was nothing"},
         {"websockets", "WebSockets that have begun"},
         {"bad_commands", "WebSockets and framed connections ended for what they sent"}}};

  private:
    struct alignas(64) row { // two workers never share a cache line
        std::array<cell, static_cast<std::size_t>(counted::count)> cells{};
    };
    std::vector<row> rows_;
};

} // namespace comet
