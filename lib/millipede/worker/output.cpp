// SPDX-License-Identifier: BSL-1.0
#include <millipede/worker/output.hpp>

#include <boost/config.hpp>

#include <array>
#include <cerrno>
#include <new>
#include <utility>

namespace millipede::detail {
namespace {

using flag = connection_record::flag;

// As many pieces as one sendmsg gets; more gain little beside the bytes themselves.
constexpr std::size_t gathered_write_max = 64;

// Up to here a shared payload is copied beside its neighbours: cheaper than a write of its own.
constexpr std::size_t copied_payload_max = 8 * 1024;

io_result write_some(connection_record& record, std::span<iovec const> buffers) {
    if (record.descriptor >= 0) return socket_write(record.descriptor, buffers);
    return record.extra->stream->write(buffers);
}

io_result write_some(connection_record& record, std::span<std::byte const> bytes) {
    if (record.descriptor >= 0) return socket_write(record.descriptor, bytes);
    iovec buffer{const_cast<std::byte*>(bytes.data()), bytes.size()};
    return record.extra->stream->write({&buffer, 1});
}

error_code failure_of(connection_record const& record) {
    return record.descriptor >= 0 ? socket_failure() : record.extra->stream->failure();
}

} // namespace

output::output(connection_pool& pool, readiness& ready, worker_metrics& counters,
               options const& limits)
    : pool_{&pool},
      ready_{&ready},
      counters_{&counters},
      limits_{&limits},
      gather_{std::make_unique_for_overwrite<std::byte[]>(limits.scratch_bytes)} {}

// Bytes of the current connection that must follow what it sent before, whole messages or not.
BOOST_FORCEINLINE void output::write_now(std::span<std::byte const> bytes) {
    auto& record = *current_;
    if (record.has_output() || record.is(flag::output_blocked)) return write_later(bytes);
    auto written = write_some(record, bytes);
    counters_->bytes_sent += written.size;
    if (written.size == bytes.size()) return; // the common case, kept short
    if (written.failed()) return request_close(record, failure_of(record));
    write_later(bytes.subspan(written.size));
}

BOOST_FORCEINLINE void output::flush_gathered() {
    if (gathered_ == 0) return;
    auto size = std::exchange(gathered_, 0);
    write_now({gather_.get(), size});
}

void output::finish_gathered() noexcept {
    try {
        flush_gathered();
    } catch (std::bad_alloc const&) {
        request_close(*current_, errc::no_memory);
    }
}

void output::take_back(mark begin) noexcept {
    --counters_->messages_sent;
    if (begin.flushes == flushes_)
        gathered_ = begin.gathered;
    else
        request_close(*current_, errc::handler_failed);
}

void output::append_large(std::span<std::byte const> bytes) {
    ++flushes_;
    flush_gathered();
    if (bytes.size() <= limits_->scratch_bytes) {
        std::memcpy(gather_.get(), bytes.data(), bytes.size());
        gathered_ = bytes.size();
    } else {
        write_now(bytes);
    }
}

// What the socket did not take, or what must follow output that already waits.
void output::write_later(std::span<std::byte const> bytes) {
    auto& record = *current_;
    bool waits = record.has_output() || record.is(flag::output_blocked);
    if (!pool_->extend(record).output.push_lasting(payload{bytes}, pool_->ledger()))
        return request_close(record, errc::buffers_exhausted);
    grown(record);
    if (record.is(flag::output_blocked)) return;
    if (waits)
        flush_queue(record); // nobody has tried yet, so no edge would come
    else
        wait_for_room(record);
}

bool output::send(connection_record& record, payload message, overflow_policy policy) {
    if (record.where != connection_record::state::open || record.is(flag::close_requested))
        return false;
    if (message.empty()) return true;
    if (!gathers(record)) {
        if (!enqueue(record, std::move(message), policy)) return false;
        if (!record.is(flag::output_blocked)) settle_later(record);
    } else if (message.size() <= copied_payload_max) {
        append(message.bytes());
    } else {
        if (!enqueue(record, std::move(message), policy)) return false;
        if (!record.is(flag::output_blocked)) flush_queue(record);
    }
    ++counters_->messages_sent;
    return true;
}

bool output::enqueue(connection_record& record, payload message, overflow_policy policy) {
    if (&record == current_) flush_gathered(); // it was sent before
    auto bytes = message.size();
    auto& queue = pool_->extend(record).output;
    auto full = [&] {
        return !queue.empty() &&
               queue.held_bytes() + bytes + write_queue::entry_bytes > limits_->output_max_bytes;
    };
    if (full() && !record.is(flag::output_blocked)) flush_queue(record);
    if (full() && !make_room(record, bytes, policy))
        return refuse(record, bytes, policy, errc::output_full);
    bool taken = policy == overflow_policy::drop_oldest
                     ? queue.push_droppable(std::move(message), pool_->ledger())
                     : queue.push_lasting(std::move(message), pool_->ledger());
    if (!taken) return refuse(record, bytes, policy, errc::buffers_exhausted);
    grown(record);
    return true;
}

// The queue of `record` is full. Returns whether there is room for `bytes` now.
bool output::make_room(connection_record& record, std::size_t bytes, overflow_policy policy) {
    if (policy != overflow_policy::drop_oldest) return false;
    auto& queue = record.extra->output;
    auto wanted = bytes + write_queue::entry_bytes;
    auto dropped =
        queue.drop_oldest(queue.held_bytes() + wanted - limits_->output_max_bytes, pool_->ledger());
    if (dropped.messages != 0) count_dropped(record, dropped, policy);
    pool_->weigh(record);
    return queue.empty() || queue.held_bytes() + wanted <= limits_->output_max_bytes;
}

// There is no room for a message: what its policy says.
bool output::refuse(connection_record& record, std::size_t bytes, overflow_policy policy,
                    errc why) {
    if (policy == overflow_policy::close)
        request_close(record, why);
    else
        count_dropped(record, {1, bytes}, policy);
    return false;
}

void output::count_dropped(connection_record& record, write_queue::dropped what,
                           overflow_policy policy) noexcept {
    counters_->messages_dropped += what.messages;
    counters_->bytes_dropped += what.bytes;
    (policy == overflow_policy::drop_oldest ? counters_->messages_dropped_oldest
                                            : counters_->messages_dropped_newest) += what.messages;
    if (telling_) return;
    auto& untold = record.extra->untold;
    untold.policy = policy;
    untold.messages += what.messages;
    untold.bytes += what.bytes;
    settle_later(record);
}

void output::grown(connection_record& record) {
    pool_->weigh(record);
    if (pool_->ledger().held_bytes() >= watched_bytes_) on_growth();
}

output::flushed output::flush_queue(connection_record& record) noexcept {
    auto& queue = record.extra->output;
    std::array<iovec, gathered_write_max> buffers;
    while (!queue.empty()) {
        auto count = queue.gather(buffers);
        auto written = write_some(record, {buffers.data(), count});
        if (written.failed()) {
            request_close(record, failure_of(record));
            return flushed::failed;
        }
        if (written.would_block()) {
            if (!record.is(flag::output_blocked)) wait_for_room(record);
            return flushed::blocked;
        }
        counters_->bytes_sent += written.size;
        queue.consume(written.size, pool_->ledger());
        pool_->weigh(record);
        // Progress, for the write timeout; the idle timeout is about what the peer sends.
        if (record.is(flag::output_blocked)) pool_->touch(record, tick);
    }
    return flushed::all;
}

void output::wait_for_room(connection_record& record) noexcept {
    ++counters_->writes_blocked;
    pool_->block(record, tick);
    if (record.descriptor < 0 || record.is(flag::output_watched)) return;
    if (ready_->add_output(record.descriptor, pool_->token_of(record)))
        record.set(flag::output_watched);
    else
        request_close(record, error_code{errno, boost::system::system_category()});
}

void output::request_close(connection_record& record, error_code reason, closer who) noexcept {
    if (record.is(flag::close_requested)) return;
    try {
        auto& extra = pool_->extend(record);
        extra.close_code = reason;
        extra.closed_by_handler = who == closer::handler;
    } catch (std::bad_alloc const&) {
        // Without an extension the worker takes the reason to be errc::no_memory.
    }
    record.set(flag::close_requested);
    settle_later(record);
}

void output::settle_later(connection_record& record) noexcept {
    if (record.is(flag::needs_settling)) return;
    record.set(flag::needs_settling);
    unsettled_.note(pool_->token_of(record));
}

} // namespace millipede::detail
