// SPDX-License-Identifier: BSL-1.0
#include <millipede/worker/input.hpp>

#include <millipede/worker/protocol.hpp>

#include <algorithm>

namespace millipede::detail {
namespace {

// What comes too fast to be handled yet waits in a buffer that others could use, and for bytes too
// fast one read may be ahead of its rate: so a limited connection is read in small pieces.
std::size_t read_size_of(options const& limits) {
    constexpr std::size_t paced_read_max = 4'096;
    auto size = limits.scratch_bytes;
    if (limits.messages_per_second != 0) size = std::min(size, paced_read_max);
    if (limits.bytes_per_second != 0) {
        auto burst = limits.bytes_burst != 0 ? limits.bytes_burst : limits.bytes_per_second;
        size = static_cast<std::size_t>(std::min<std::uint64_t>(size, burst));
    }
    return size;
}

} // namespace

input::input(connection_pool& pool, worker_metrics& counters, options const& limits)
    : pool_{&pool},
      counters_{&counters},
      scratch_max_{read_size_of(limits)},
      scratch_bytes_{scratch_max_},
      reads_per_scratch_{static_cast<int>((limits.scratch_bytes - 1) / scratch_bytes_ + 1)},
      scratch_{std::make_unique_for_overwrite<std::byte[]>(scratch_bytes_)} {}

void input::set_rates(options const& limits) noexcept {
    scratch_bytes_ = std::min(read_size_of(limits), scratch_max_);
    reads_per_scratch_ = static_cast<int>((limits.scratch_bytes - 1) / scratch_bytes_ + 1);
}

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
