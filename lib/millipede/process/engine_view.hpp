// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/process/basic_server.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace millipede::detail {

/// A running server, for those who look after it: what its face does not show. On the thread of
/// `run()`, unless it says otherwise. The server outlives it.
class engine_view {
  public:
    explicit engine_view(basic_server& server) noexcept : server_{&server} {}

    basic_server& server() const noexcept { return *server_; }
    options const& limits() const noexcept { return server_->limits(); }
    /// Whether workers are there. Any thread.
    bool started() const noexcept { return server_->started_; }
    /// The end has begun: a drain or a stop.
    bool ending() const noexcept { return server_->stopping_; }

    /// After the start.
    worker_pool& workers() const noexcept { return *server_->workers_; }
    /// How many sockets there may be in all.
    std::uint64_t connections_max() const noexcept;
    /// Has messages counted by command. \returns false after the start: it is too late then.
    bool count_commands() noexcept;
    /// Those with a handler of their own, whatever the listener, in ascending order.
    std::vector<std::uint16_t> commands() const;

  private:
    basic_server* server_;
};

} // namespace millipede::detail
