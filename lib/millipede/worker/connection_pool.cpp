// SPDX-License-Identifier: BSL-1.0
#include <millipede/worker/connection_pool.hpp>

#include <utility>

namespace millipede::detail {
namespace {

constexpr std::size_t spare_extensions_max = 1'024;

} // namespace

connection_pool::connection_pool(std::uint32_t worker, std::uint32_t count,
                                 std::size_t session_bytes, std::size_t buffer_budget_bytes)
    : worker_{worker}, slots_{count, session_bytes}, budget_{buffer_budget_bytes} {
    spare_extensions_.reserve(spare_extensions_max);
}

connection_pool::~connection_pool() {
    for (std::uint32_t slot = 0; slot < slots_.touched(); ++slot)
        if (slots_[slot].where != connection_record::state::free) release(slots_[slot]);
}

connection_record* connection_pool::open(std::uint32_t protocol, std::uint32_t tick) noexcept {
    auto slot = slots_.allocate();
    if (slot == no_slot) return nullptr;
    auto& record = slots_[slot];
    record.where = connection_record::state::open;
    record.protocol = static_cast<std::uint8_t>(protocol);
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
        budget_.give_back(extra->output.held_bytes());
        extra->output.clear();
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
        !extra->input.empty() || record.is(connection_record::close_requested))
        return;
    record.extra = nullptr;
    extra->close_code.clear();
    extra->closed_by_handler = false;
    std::unique_ptr<extension> owned{extra};
    if (spare_extensions_.size() < spare_extensions_max)
        spare_extensions_.push_back(std::move(owned)); // reserved at start
}

void connection_pool::greet(connection_record& record, std::uint32_t tick) noexcept {
    list_of(record).remove(slots_.slot_of(record));
    record.where = connection_record::state::greeting;
    greeting.push_back(slots_.slot_of(record), tick);
}

void connection_pool::welcome(connection_record& record, std::uint32_t tick) noexcept {
    greeting.remove(slots_.slot_of(record));
    record.where = connection_record::state::open;
    idle.push_back(slots_.slot_of(record), tick);
}

void connection_pool::block(connection_record& record, std::uint32_t tick) noexcept {
    list_of(record).remove(slots_.slot_of(record));
    record.set(connection_record::output_blocked);
    blocked.push_back(slots_.slot_of(record), tick);
}

void connection_pool::unblock(connection_record& record, std::uint32_t tick) noexcept {
    list_of(record).remove(slots_.slot_of(record));
    record.clear(connection_record::output_blocked);
    idle.push_back(slots_.slot_of(record), tick);
}

void connection_pool::linger(connection_record& record, std::uint32_t tick) noexcept {
    list_of(record).remove(slots_.slot_of(record));
    record.where = connection_record::state::lingering;
    record.clear(connection_record::output_blocked); // else it would count as on that list
    lingering.push_back(slots_.slot_of(record), tick);
}

connection_pool::list& connection_pool::list_of(connection_record const& record) noexcept {
    if (record.where == connection_record::state::lingering) return lingering;
    if (record.where == connection_record::state::greeting) return greeting;
    return record.is(connection_record::output_blocked) ? blocked : idle;
}

} // namespace millipede::detail
