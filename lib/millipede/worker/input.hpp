// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/base/metrics.hpp>
#include <millipede/base/options.hpp>
#include <millipede/worker/connection_pool.hpp>
#include <millipede/worker/fwd.hpp>

#include <cstddef>
#include <memory>
#include <span>

namespace millipede::detail {

/// The receiving half of a worker: reads into one scratch buffer for all connections and has the
/// protocol handle what came, in place. One thread.
class input {
  public:
    input(connection_pool& pool, worker_metrics& counters, options const& limits);

    /// What one read left behind.
    enum class rest {
        nothing, ///< There was nothing to read: an edge will announce more.
        drained, ///< All there was: an edge will announce more, unless the peer hung up.
        more,    ///< There may be more: read again, when it is this connection's turn.
        ended,   ///< The peer has ended its stream.
        failed,  ///< `failure()` says why.
    };

    /// One read, and the handlers of what it brought. The caller has made `record` the output's
    /// current connection. \throws what handlers throw; std::bad_alloc
    rest receive(connection_record& record, basic_connection& connection, protocol& speaker);

    /// The handlers of what a pause kept. \throws as `receive`
    void resume(connection_record& record, basic_connection& connection, protocol& speaker);

    /// One read that is thrown away.
    rest discard(connection_record& record);

    /// Why the last call that answered `failed` did.
    error_code const& failure() const noexcept { return failure_; }

    /// The time of activity; set by the worker.
    std::uint32_t tick = 1;

  private:
    rest read(connection_record& record, std::size_t& size);
    rest fail(error_code const& why) noexcept;
    std::span<std::byte> scratch() noexcept { return {scratch_.get(), scratch_bytes_}; }

    connection_pool* pool_;
    worker_metrics* counters_;
    std::unique_ptr<std::byte[]> scratch_;
    std::size_t scratch_bytes_;
    error_code failure_; // here and not in the results, which every message would carry along
};

} // namespace millipede::detail
