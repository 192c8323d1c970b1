// SPDX-License-Identifier: BSL-1.0
#include <millipede/worker/connection_pool.hpp>

#include <algorithm>
#include <utility>

namespace millipede::detail {
namespace {

constexpr std::size_t spare_extensions_max = 1'024;

} // namespace

connection_pool::connection_pool(std::uint32_t worker, std::uint32_t count,
                                 std::size_t session_bytes, std::size_t buffer_budget_bytes,
                                 slot_appendix appendix)
    : worker_{worker},
      appendix_{appendix},
      appendix_offset_{slots<connection_record>::stride(session_bytes)},
      slots_{count, slot_bytes(session_bytes, appendix) - sizeof(connection_record)},
      budget_{buffer_budget_bytes} {
    spare_extensions_.reserve(spare_extensions_max);
}

connection_pool::~connection_pool() {
    for (std::uint32_t slot = 0; slot < slots_.touched(); ++slot)
        if (slots_[slot].where != connection_record::state::free) release(slots_[slot]);
}

std::size_t connection_pool::slot_bytes(std::size_t session_bytes,
                                        slot_appendix appendix) noexcept {
    return slots<connection_record>::stride(session_bytes) + appendix.bytes();
}

connection_record* connection_pool::open(std::uint32_t protocol, std::uint32_t tick) noexcept {
    auto slot = slots_.allocate();
    if (slot == no_slot) return nullptr;
    auto& record = slots_[slot];
    record.where = connection_record::state::open;
    record.protocol = static_cast<std::uint8_t>(protocol);
    appendix_.begin(appendix_of(record)); // nothing of the slot's former owner
    idle.push_back(slot, tick);
    return &record;
}

void connection_pool::release(connection_record& record) noexcept {
    list_of(record).remove(slots_.slot_of(record));
    if (record.descriptor >= 0)
        socket_close(record.descriptor, record.is(connection_record::abort_on_close));
    if (auto* extra = record.extra) {
        if (extra->stream) {
            if (record.is(connection_record::abort_on_close))
                extra->stream->abort();
            else
                extra->stream->close();
        }
        extra->stream.reset();
        extra->client.reset();
        extra->greeting = 0;
        by_size.remove(extra->by_size);
        extra->output.clear(ledger_);
        extra->untold = {};
        extra->input.release(buffers_);
        record.clear(connection_record::close_requested);
        trim(record);
    }
    slots_.release(slots_.slot_of(record));
}

connection_record* connection_pool::find(connection_id id) noexcept {
    if (id.worker() != worker_ || id.slot() >= slots_.touched()) return nullptr;
    auto& record = slots_[id.slot()];
    bool live =
        record.generation == id.generation() && record.where == connection_record::state::open;
    return live ? &record : nullptr;
}

extension& connection_pool::extend(connection_record& record) {
    if (!record.extra) {
        if (spare_extensions_.empty()) {
            record.extra = new extension;
        } else {
            record.extra = spare_extensions_.back().release();
            spare_extensions_.pop_back();
        }
    }
    return *record.extra;
}

void connection_pool::trim(connection_record& record) noexcept {
    auto* extra = record.extra;
    if (!extra || extra->stream || extra->client || extra->greeting || !extra->output.empty() ||
        !extra->input.empty() || extra->untold.messages != 0 ||
        record.is(connection_record::close_requested))
        return;
    record.extra = nullptr;
    extra->close_code.clear();
    extra->closed_by_handler = false;
    std::unique_ptr<extension> owned{extra};
    if (spare_extensions_.size() < spare_extensions_max)
        spare_extensions_.push_back(std::move(owned)); // reserved at start
}

template <class Change>
void connection_pool::move(connection_record& record, std::uint32_t tick, Change change) noexcept {
    auto slot = slots_.slot_of(record);
    list_of(record).remove(slot);
    change();
    list_of(record).push_back(slot, tick);
}

void connection_pool::greet(connection_record& record, std::uint32_t tick) noexcept {
    move(record, tick, [&] { record.where = connection_record::state::greeting; });
}

void connection_pool::welcome(connection_record& record, std::uint32_t tick) noexcept {
    move(record, tick, [&] { record.where = connection_record::state::open; });
}

void connection_pool::block(connection_record& record, std::uint32_t tick) noexcept {
    move(record, tick, [&] {
        record.set(connection_record::output_blocked);
        record.clear(connection_record::asked); // the question may not have left
    });
    weigh(record);
}

void connection_pool::unblock(connection_record& record, std::uint32_t tick) noexcept {
    move(record, tick, [&] { record.clear(connection_record::output_blocked); });
    if (record.extra) by_size.remove(record.extra->by_size);
}

void connection_pool::linger(connection_record& record, std::uint32_t tick) noexcept {
    move(record, tick, [&] {
        record.where = connection_record::state::lingering;
        record.clear(connection_record::output_blocked); // nothing waits for room any more
    });
}

void connection_pool::ask(connection_record& record) noexcept {
    move(record, record.active_tick, [&] { record.set(connection_record::asked); });
}

void connection_pool::await_first(connection_record& record, std::uint32_t tick) noexcept {
    move(record, tick, [&] { record.set(connection_record::awaits_first); });
}

void connection_pool::progress(connection_record& record, bool completed, bool rest_awaited,
                               std::uint32_t tick) noexcept {
    auto& before = list_of(record);
    auto slot = slots_.slot_of(record);
    if (completed) record.clear(connection_record::awaits_first);
    if (rest_awaited) {
        record.set(connection_record::awaits_rest);
        record.clear(connection_record::asked);
    } else {
        record.clear(connection_record::awaits_rest);
    }
    auto& after = list_of(record);
    bool another = completed && &after == &incomplete && record.active_tick != tick;
    if (&before == &after && !another) return; // whose time goes on
    before.remove(slot);
    after.push_back(slot, tick);
}

void connection_pool::throttle(connection_record& record, std::uint32_t tick) noexcept {
    move(record, tick, [&] {
        record.set(connection_record::throttled);
        record.clear(connection_record::asked); // it has sent something
    });
}

void connection_pool::unthrottle(connection_record& record, std::uint32_t tick) noexcept {
    move(record, tick, [&] { record.clear(connection_record::throttled); });
}

void connection_pool::restart(connection_record& record, std::uint32_t tick) noexcept {
    move(record, tick, [] {});
}

void connection_pool::touch_on_list(connection_record& record, std::uint32_t tick) noexcept {
    if (record.is(connection_record::asked))
        return move(record, tick, [&] { record.clear(connection_record::asked); });
    auto& on = list_of(record);
    bool counts_from_a_beginning =
        &on == &newcomers || &on == &incomplete || &on == &throttled || &on == &greeting;
    if (!counts_from_a_beginning) on.touch(slots_.slot_of(record), tick);
}

template <class F>
void connection_pool::for_each_used(F f) noexcept {
    for (std::uint32_t slot = 0; slot < slots_.touched(); ++slot)
        if (slots_[slot].where != connection_record::state::free) f(slots_[slot]);
}

void connection_pool::forgive_rates() noexcept {
    for_each_used([this](connection_record& record) { pace_of(record) = {}; });
}

void connection_pool::await_no_more(connection_record::flag awaited, std::uint32_t tick) noexcept {
    for_each_used([&](connection_record& record) {
        if (!record.is(awaited)) return;
        auto& on = list_of(record);
        if (&on == &newcomers || &on == &incomplete)
            move(record, tick, [&] { record.clear(awaited); });
        else
            record.clear(awaited);
    });
}

void connection_pool::count_anew(std::uint32_t tick, std::chrono::milliseconds before,
                                 std::chrono::milliseconds now) noexcept {
    constexpr std::uint64_t age_max = UINT32_MAX / 2; // the count of ticks goes round
    auto old_length = static_cast<std::uint64_t>(before.count());
    auto new_length = static_cast<std::uint64_t>(now.count());
    for_each_used([&](connection_record& record) {
        std::uint64_t age = tick - record.active_tick;
        if (age > 0) age = (age - 1) * old_length / new_length; // of the first, a part has passed
        record.active_tick = tick - static_cast<std::uint32_t>(std::min(age, age_max));
    });
}

connection_pool::list& connection_pool::list_of(connection_record const& record) noexcept {
    using flag = connection_record::flag;
    if (record.where == connection_record::state::lingering) return lingering;
    if (record.where == connection_record::state::greeting) return greeting;
    if (record.is(flag::output_blocked)) return blocked;
    if (record.is(flag::throttled)) return throttled;
    if (record.is(flag::awaits_first)) return newcomers;
    if (record.is(flag::awaits_rest)) return incomplete;
    return record.is(flag::asked) ? asked : idle;
}

} // namespace millipede::detail
