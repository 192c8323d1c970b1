// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/base/metrics.hpp>
#include <millipede/base/options.hpp>
#include <millipede/memory/reassembly.hpp>
#include <millipede/worker/connection_pool.hpp>
#include <millipede/worker/fwd.hpp>
#include <millipede/worker/protocol.hpp>

#include <boost/config.hpp>

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

    /// Reads go by the rates in `limits` from now on. They do not become larger than they were at
    /// the start.
    void set_rates(options const& limits) noexcept;

    /// How many reads bring as much as `options::scratch_bytes`: one, without a rate.
    int reads_per_scratch() const noexcept { return reads_per_scratch_; }

    /// Why the last call that answered `failed` did.
    error_code const& failure() const noexcept { return failure_; }

    /// The time of activity; set by the worker.
    std::uint32_t tick = 1;

  private:
    // What a read brought: `rest::drained` and `rest::more` come with bytes, the others without.
    struct brought {
        rest outcome;
        std::uint32_t size;
    };
    brought read(connection_record& record);
    bool keep(connection_record& record, std::span<std::byte const> bytes, input_result taken);
    rest fail(error_code const& why) noexcept;
    std::span<std::byte> scratch() noexcept { return {scratch_.get(), scratch_bytes_}; }

    connection_pool* pool_;
    worker_metrics* counters_;
    std::size_t const scratch_max_;
    std::size_t scratch_bytes_; // used of these
    int reads_per_scratch_;
    std::unique_ptr<std::byte[]> scratch_;
    error_code failure_; // here and not in the results, which every message would carry along
};

// The way of every message: into the turn, as one function.

BOOST_FORCEINLINE input::brought input::read(connection_record& record) {
    bool is_socket = record.descriptor >= 0;
    auto got = is_socket ? socket_read(record.descriptor, scratch())
                         : record.extra->stream->read(scratch());
    // A read that did not fill the buffer has emptied the socket; see epoll(7).
    if (got.size != 0)
        return {got.size == scratch_bytes_ ? rest::more : rest::drained,
                static_cast<std::uint32_t>(got.size)};
    if (got.would_block()) return {rest::nothing, 0};
    if (!got.failed()) return {rest::ended, 0};
    return {fail(is_socket ? socket_failure() : record.extra->stream->failure()), 0};
}

BOOST_FORCEINLINE input::rest input::receive(connection_record& record,
                                             basic_connection& connection, protocol& speaker) {
    auto got = read(record);
    if (got.size == 0) return got.outcome;
    counters_->bytes_received += got.size;
    pool_->touch(record, tick);

    auto bytes = scratch().first(got.size);
    if (!record.extra) { // the common case: nothing incomplete before, nor after
        auto taken = speaker.on_input(connection, bytes);
        if (taken.consumed == got.size || taken.then == input_result::next::end) return got.outcome;
        return keep(record, bytes.subspan(taken.consumed), taken) ? got.outcome : rest::failed;
    }
    auto consume = [&](std::span<std::byte const> some) {
        return speaker.on_input(connection, some);
    };
    if (!reassemble(record.extra->input, bytes, pool_->buffers(), consume))
        return fail(errc::buffers_exhausted);
    pool_->trim(record);
    auto const* stream = record.extra ? record.extra->stream.get() : nullptr;
    if (stream && stream->has_more()) return rest::more;
    return got.outcome;
}

} // namespace millipede::detail
