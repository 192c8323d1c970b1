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

// An incomplete message, or whatever came after a pause.
bool input::keep(connection_record& record, std::span<std::byte const> bytes, input_result taken) {
    auto& incomplete = pool_->extend(record).input;
    if (!incomplete.append(bytes, pool_->buffers())) {
        fail(errc::buffers_exhausted);
        return false;
    }
    incomplete.needed = taken.then == input_result::next::go_on ? taken.needed : 0;
    return true;
}

void input::resume(connection_record& record, basic_connection& connection, protocol& speaker) {
    if (!record.extra) return;
    detail::resume(record.extra->input, pool_->buffers(), [&](std::span<std::byte const> some) {
        return speaker.on_input(connection, some);
    });
    pool_->trim(record);
}

input::rest input::discard(connection_record& record) {
    return read(record).outcome;
}

} // namespace millipede::detail
