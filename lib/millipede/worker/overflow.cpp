// SPDX-License-Identifier: BSL-1.0
// What a worker does about output that peers do not take: who is told, and who is shed.
#include <millipede/worker/connection.hpp>
#include <millipede/worker/protocol.hpp>
#include <millipede/worker/worker.hpp>

#include <algorithm>
#include <utility>

namespace millipede::detail {
namespace {

using state = connection_record::state;

// So many connections are shed at a time, before others have their turn.
constexpr std::uint32_t slice = 1'024;

} // namespace

void worker::tell_overflow(connection_record& record) {
    auto event = std::exchange(record.extra->untold, {});
    event.held_bytes = record.extra->output.held_bytes();
    log_overflow(record, event);
    if (record.is(connection_record::close_requested)) return; // on_close tells
    output_.telling(true);
    converse(record, [&](basic_connection& connection) {
        protocols_[record.protocol]->on_overflow(connection, event);
    });
    output_.telling(false);
}

void worker::log_overflow(connection_record const& record, overflow_event const& event) noexcept {
    try {
        auto suppressed = lines_.overflows.admit(std::chrono::steady_clock::now());
        if (!suppressed) return;
        log(warning) << "output full for " << field("peer", peer_name(record)) << ": "
                     << field("messages", event.messages) << " messages of "
                     << field("bytes", event.bytes) << " bytes dropped ("
                     << field("policy", name_of(event.policy)) << "), "
                     << field("held_bytes", event.held_bytes) << " bytes held"
                     << suppressed_note(*suppressed);
    } catch (...) {
        // The counters tell.
    }
}

void worker::count_output() {
    pool_.ledger().count_in(counters_.output_held_bytes);
    if (all_output_)
        all_output_->join(index_, counters_.output_held_bytes, pool_.by_size.classes());
    output_.on_growth = [this] { watch_output_soon(); };
    watch_growth();
}

void worker::ask_to_shed() noexcept {
    if (shedding_asked_.exchange(true)) return;
    post_reserved(context_, wakeups_.ask, [this] {
        shedding_asked_ = false; // before the look: who asks now means what comes after it
        watch_output();
    });
}

// From where on growth is worth a look.
void worker::watch_growth() noexcept {
    auto step = limits_->buffer_budget_bytes / 32;
    if (all_output_ && all_output_->step_bytes() != 0)
        step = std::min(step, all_output_->step_bytes());
    output_.watch_from(pool_.ledger().held_bytes() + step);
}

void worker::watch_output_soon() noexcept {
    if (std::exchange(watch_posted_, true)) return;
    post_reserved(context_, wakeups_.watch, [this] {
        watch_posted_ = false;
        watch_output();
    });
}

void worker::watch_output() {
    if (all_output_) all_output_->answered(index_);
    note(activity::engine);
    in_turn_ = true;
    settle(); // what peers take is not held
    bool more = shed_the_largest();
    end_turn();
    watch_growth();
    if (more) watch_output_soon();
}

void worker::watch_output_at_tick() {
    walk_soon(); // if the thread was ended from within a walk
    if (pool_.blocked.empty())
        watch_growth(); // what has left is growth to come
    else
        watch_output();
}

// Once it is used up, whoever needs a buffer, were it for half a message, would have to pay for
// those who do not read. When it is input that takes it all, though, to shed output helps nobody.
bool worker::own_budget_runs_out() noexcept {
    auto max = limits_->buffer_budget_bytes;
    return pool_.budget().used_bytes() > max / 8 * 7 && pool_.ledger().held_bytes() > max / 2;
}

// Returns whether there may be more to shed.
bool worker::shed_the_largest() {
    auto now = std::chrono::steady_clock::now();
    for (std::uint32_t count = 0; count < slice; ++count) {
        if (!own_budget_runs_out()) {
            if (!all_output_ || !all_output_->exceeded()) return false;
            auto whose = all_output_->holder_of_the_largest(now);
            if (whose == output_budget::nobody) return false;
            if (whose != index_) {
                all_output_->ask(whose, now);
                return false;
            }
        }
        auto slot = pool_.by_size.largest();
        if (slot == no_slot) return false;
        shed(pool_.all()[slot]);
    }
    return true;
}

void worker::shed(connection_record& record) noexcept {
    ++counters_.shed_for_budget;
    counters_.bytes_shed += record.extra->output.bytes();
    record.set(connection_record::abort_on_close);
    if (record.where == state::open)
        end_session(record, errc::output_budget_exceeded, close_reason::shed);
    else
        ++counters_.cut; // it waited for its last output to leave
    release(record);
}

} // namespace millipede::detail
