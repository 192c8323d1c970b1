// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/base/metrics.hpp>
#include <millipede/base/options.hpp>
#include <millipede/wire/payload.hpp>
#include <millipede/worker/agenda.hpp>
#include <millipede/worker/connection_pool.hpp>
#include <millipede/worker/readiness.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <span>
#include <utility>

namespace millipede::detail {

/// The sending half of a worker. While handlers of one connection run (between `begin` and
/// `finish`) what they send to it gathers in one buffer and leaves in one write. Everything else
/// waits in that connection's queue, until the end of the worker's turn or until its peer takes it.
/// Failures never throw and never close: they request it (`connection_record::close_requested`),
/// and the worker closes when no handler of that connection is running. One thread.
class output {
  public:
    output(connection_pool& pool, readiness& ready, worker_metrics& counters,
           options const& limits);

    /// Handlers of `record` run from here ...
    void begin(connection_record& record) noexcept {
        current_ = &record;
        gathered_ = 0;
    }
    /// ... to here: sends what they gathered.
    void finish() noexcept {
        if (gathered_ != 0) finish_gathered();
        current_ = nullptr;
    }
    connection_record* current() const noexcept { return current_; }

    /// Whether a message for `record` may be written piece by piece with `append`; otherwise it
    /// has to be encoded whole and given to `send`.
    bool gathers(connection_record const& record) const noexcept {
        return &record == current_ && record.where == connection_record::state::open &&
               !record.is(connection_record::output_blocked) &&
               !record.is(connection_record::close_requested);
    }
    /// A piece of a message, copied. Only when `gathers` said so before the message.
    void append(std::span<std::byte const> bytes) {
        if (bytes.size() > limits_->scratch_bytes - gathered_) return append_large(bytes);
        std::memcpy(gather_.get() + gathered_, bytes.data(), bytes.size());
        gathered_ += bytes.size();
    }

    /// Where a message begins that is written with `append` ...
    struct mark {
        std::size_t gathered;
        std::uint64_t flushes;
    };
    mark begin_message() noexcept {
        ++counters_->messages_sent;
        return {gathered_, flushes_};
    }
    /// ... and what to do when its encoding failed half way: takes back what it appended. When some
    /// of it is on its way to the peer already, nothing that follows could be understood: the
    /// connection is closed.
    void take_back(mark begin) noexcept;

    /// A whole message for any connection of this worker, now or when its peer takes it. False
    /// when it was not taken: the connection ends, or its queue is full.
    bool send(connection_record& record, payload message, overflow_policy policy);
    bool send(connection_record& record, payload message) {
        return send(record, std::move(message), limits_->overflow);
    }

    enum class flushed { all, blocked, failed };
    /// Writes what the queue of `record` holds as far as the peer takes it. A failure requests the
    /// connection to be closed.
    flushed flush_queue(connection_record& record) noexcept;

    /// Asks for `record` to be closed, for the first reason given; after its handlers, if they run.
    /// When a handler asks, what was sent still goes out, whatever the reason.
    enum class closer { engine, handler };
    void request_close(connection_record& record, error_code reason,
                       closer who = closer::engine) noexcept;

    /// Connections to flush or close at the end of the turn; `settle` takes the list.
    agenda& unsettled() noexcept { return unsettled_; }
    void settle_later(connection_record& record) noexcept;

    /// While a connection is told of its drops: what it and others send meanwhile and find dropped
    /// is counted, and not told again. Two that answer each other's drops would never end.
    void telling(bool now) noexcept { telling_ = now; }

    /// Calls `on_growth` whenever a queue has grown and all together hold `bytes` or more.
    void watch_from(std::size_t bytes) noexcept { watched_bytes_ = bytes; }
    std::function<void()> on_growth;

    /// The time that `block` counts from; set by the worker.
    std::uint32_t tick = 1;

  private:
    void append_large(std::span<std::byte const> bytes);
    void finish_gathered() noexcept;
    void flush_gathered();
    void write_now(std::span<std::byte const> bytes);
    void write_later(std::span<std::byte const> bytes);
    bool enqueue(connection_record& record, payload message, overflow_policy policy);
    bool make_room(connection_record& record, std::size_t bytes, overflow_policy policy);
    bool refuse(connection_record& record, std::size_t bytes, overflow_policy policy, errc why);
    void count_dropped(connection_record& record, write_queue::dropped what,
                       overflow_policy policy) noexcept;
    void grown(connection_record& record);
    void wait_for_room(connection_record& record) noexcept;

    connection_pool* pool_;
    readiness* ready_;
    worker_metrics* counters_;
    options const* limits_;
    std::unique_ptr<std::byte[]> gather_;
    std::size_t gathered_ = 0;
    std::uint64_t flushes_ = 0; ///< So often pieces left before the handlers were done.
    connection_record* current_ = nullptr;
    agenda unsettled_;
    std::size_t watched_bytes_ = SIZE_MAX;
    bool telling_ = false;
};

} // namespace millipede::detail
