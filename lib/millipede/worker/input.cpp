// SPDX-License-Identifier: BSL-1.0
#include <millipede/worker/input.hpp>

#include <millipede/worker/protocol.hpp>

namespace millipede::detail {

input::input(connection_pool& pool, worker_metrics& counters, options const& limits)
    : pool_{&pool},
      counters_{&counters},
      scratch_{std::make_unique_for_overwrite<std::byte[]>(limits.scratch_bytes)},
      scratch_bytes_{limits.scratch_bytes} {}

input::rest input::fail(error_code const& why) noexcept {
    failure_ = why;
    return rest::failed;
}

inline input::rest input::read(connection_record& record, std::size_t& size) {
    auto got = record.descriptor >= 0 ? socket_read(record.descriptor, scratch())
                                      : record.extra->stream->read(scratch());
    if (got.code) return got.would_block() ? rest::nothing : fail(got.code);
    if (got.size == 0) return rest::ended;
    size = got.size;
    // A read that did not fill the buffer has emptied the socket; see epoll(7).
    return got.size == scratch_bytes_ ? rest::more : rest::drained;
}

input::rest input::receive(connection_record& record, basic_connection& connection,
                           protocol& speaker) {
    std::size_t size = 0;
    auto outcome = read(record, size);
    if (size == 0) return outcome;
    counters_->bytes_received += size;
    pool_->touch(record, tick);

    auto bytes = scratch().first(size);
    auto consume = [&](std::span<std::byte const> some) {
        return speaker.on_input(connection, some);
    };
    if (!record.extra) { // the common case: nothing incomplete before, nor after
        auto taken = consume(bytes);
        if (taken.consumed == size || taken.then == input_result::next::end) return outcome;
        auto& incomplete = pool_->extend(record).input;
        if (!incomplete.append(bytes.subspan(taken.consumed), pool_->buffers()))
            return fail(errc::buffers_exhausted);
        incomplete.needed = taken.then == input_result::next::go_on ? taken.needed : 0;
        return outcome;
    }
    if (!reassemble(record.extra->input, bytes, pool_->buffers(), consume))
        return fail(errc::buffers_exhausted);
    pool_->trim(record);
    return outcome;
}

void input::resume(connection_record& record, basic_connection& connection, protocol& speaker) {
    if (!record.extra) return;
    detail::resume(record.extra->input, pool_->buffers(), [&](std::span<std::byte const> some) {
        return speaker.on_input(connection, some);
    });
    pool_->trim(record);
}

input::rest input::discard(connection_record& record) {
    std::size_t size = 0;
    return read(record, size);
}

} // namespace millipede::detail
