// SPDX-License-Identifier: BSL-1.0
// How a worker ends, at once or spread over a window: every conversation is finished (what was
// received is answered, goodbye said, output flushed), and at the deadline the rest is cut off.
#include <millipede/worker/connection.hpp>
#include <millipede/worker/protocol.hpp>
#include <millipede/worker/worker.hpp>

#include <algorithm>
#include <new>
#include <optional>
#include <utility>

namespace millipede::detail {
namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;
using flag = connection_record::flag;
using state = connection_record::state;

// So many slots are looked at in a row, before others have their turn.
constexpr std::uint32_t slice = 1'024;

// Between the ends of connections that are spread over a window.
constexpr auto step = 20ms;

// A connection whose input never ends is read so often at most.
constexpr int last_reads_max = 16;
constexpr int last_stream_reads_max = 256;

// Streams that the worker cannot read at will: they announce what they have read.
bool reads_by_itself(connection_record const& record) {
    if (record.descriptor >= 0) return false;
    auto const* stream = record.extra ? record.extra->stream.get() : nullptr;
    return !stream || !stream->in_readiness_set();
}

} // namespace

void worker::stop(stop_plan const& plan) noexcept {
    std::lock_guard lock{stop_mutex_};
    if (asked_plan_) { // and the worker has not come to it: sooner than planned
        asked_plan_->deadline = std::min(asked_plan_->deadline, plan.deadline);
        asked_plan_->window = 0ms;
        return;
    }
    asked_plan_ = plan;
    post_reserved(context_, wakeups_.stop, [this] { begin_stop(); });
}

void worker::begin_stop() {
    stop_plan plan;
    {
        std::lock_guard lock{stop_mutex_};
        plan = *std::exchange(asked_plan_, std::nullopt);
    }
    auto now = clock::now();
    cut_at(now + plan.deadline); // first: there is no stop without a deadline
    if (!stopping_) {
        in_turn_ = true;
        adopt_all(); // whoever was accepted gets the answers to what it sent
        end_turn();
        stopping_ = true;
        plan_ = plan;
        auto phase = std::uniform_real_distribution{0.0, 1.0}(dice_);
        schedule_ = closing_schedule{pool_.all().in_use(), now, plan.window, phase};
    } else { // sooner than planned
        schedule_ = closing_schedule{};
    }
    end_conversations();
}

void worker::cut_at(clock::time_point deadline) noexcept {
    if (!cut_awaited_) {
        cut_ = deadline;
        await_cut();
    } else if (deadline < cut_) {
        cut_ = deadline;
        stop_timer_.cancel(); // and it is awaited anew
    }
}

void worker::await_cut() noexcept {
    cut_awaited_ = true;
    try {
        stop_timer_.expires_at(cut_);
        stop_timer_.async_wait(reserved(wakeups_.deadline, [this](error_code) {
            if (clock::now() < cut_) return await_cut(); // which has come nearer
            stopping_ = true; // also when the rest of begin_stop was kept from happening
            cut_all();
            cut_over_ = true;
            end_if_stopped();
        }));
    } catch (std::bad_alloc const&) { // for the list of all timers
        post_reserved(context_, wakeups_.deadline, [this] { await_cut(); });
    }
}

// As many as are due. Nobody is adopted any more: a slot that had its turn stays free.
void worker::end_conversations() {
    auto due = schedule_.due(clock::now());
    auto end = std::min(next_to_end_ + slice, pool_.all().touched());
    note(activity::engine);
    in_turn_ = true;
    for (; next_to_end_ < end && ended_ < due; ++next_to_end_) {
        auto& record = pool_.all()[next_to_end_];
        if (record.where == state::greeting) finish_greeting(record);
        if (record.where != state::open) continue;
        ++ended_;
        end_conversation(record);
    }
    end_turn();
    end_streams();
    if (next_to_end_ == pool_.all().touched()) return;
    if (ended_ < due)
        end_soon();
    else
        await_step();
}

void worker::end_soon() noexcept {
    if (std::exchange(ending_posted_, true)) return;
    post_reserved(context_, wakeups_.ending, [this] {
        ending_posted_ = false;
        end_conversations();
    });
}

void worker::await_step() noexcept {
    if (std::exchange(step_awaited_, true)) return;
    try {
        step_timer_.expires_after(step);
        step_timer_.async_wait(reserved(wakeups_.step, [this](error_code) {
            step_awaited_ = false;
            end_conversations();
        }));
    } catch (std::bad_alloc const&) { // for the list of all timers
        step_awaited_ = false;
        end_soon();
    }
}

// Reads what has been sent, whatever the rates: who was told to wait by silence would else never
// hear of it. A socket's conversation is over then; streams have more time.
void worker::end_conversation(connection_record& record) {
    auto still_open = [&, generation = record.generation] {
        return record.generation == generation && record.where == state::open;
    };
    record.set(flag::last_words);
    if (record.is(flag::throttled)) pool_.unthrottle(record, tick_);
    auto reads_max = last_reads_max * input_.reads_per_scratch();
    for (int reads = 0; record.receiving() && reads < reads_max; ++reads) {
        read_on(record);
        if (!still_open() || !record.is(flag::input_waits)) break;
    }
    if (still_open() && !reads_by_itself(record)) finish_conversation(record);
}

// One whose greeting was over only after its slot had its turn.
void worker::end_newcomer(connection_record& record) {
    end_conversation(record);
    if (record.where != state::open || !reads_by_itself(record)) return;
    streams_begin_ = std::min(streams_begin_, pool_.all().slot_of(record));
    end_soon(); // which gives streams their time
}

// Streams read by themselves, some bytes in each cycle of the io_context: they are finished when a
// cycle has brought nothing more. Those whose slots had their turn meanwhile come next.
void worker::end_streams() {
    if (streams_posted_ || streams_begin_ == next_to_end_) return;
    streams_end_ = next_to_end_;
    give_streams_time(last_stream_reads_max, bytes_moved());
}

// A stream that is writing is not read until it has written: that is progress, too.
std::uint64_t worker::bytes_moved() const noexcept {
    return counters_.bytes_received.load() + counters_.bytes_sent.load();
}

void worker::give_streams_time(int patience, std::uint64_t bytes_before) {
    note(activity::engine);
    in_turn_ = true;
    auto bytes = bytes_moved();
    bool give_time = patience == last_stream_reads_max || (patience > 0 && bytes != bytes_before);
    bool any_left = false;
    for (auto slot = streams_begin_; slot < streams_end_; ++slot) {
        auto& record = pool_.all()[slot];
        if (record.where != state::open || !reads_by_itself(record)) continue;
        any_left = true;
        if (!give_time) finish_conversation(record);
    }
    end_turn();
    if (!any_left || !give_time) {
        streams_begin_ = streams_end_;
        return end_streams();
    }
    streams_posted_ = true;
    post_reserved(context_, wakeups_.streams, [this, patience, bytes] { // once more: reads may end
        post_reserved(context_, wakeups_.streams, [this, patience, bytes] {
            streams_posted_ = false;
            give_streams_time(patience - 1, bytes);
        });
    });
}

// Handles no more input. Who is owed answers gets them first: `answer` comes here once more.
void worker::finish_conversation(connection_record& record) {
    if (owed_.put_off_end(pool_.id_of(record), errc::stopping))
        return record.set(flag::input_paused);
    if (plan_.says_goodbye)
        converse(record, [&](basic_connection& connection) {
            protocols_[record.protocol]->on_drain(connection, come_back_after());
        });
    if (record.is(flag::close_requested)) return settle(record);
    close(record, errc::stopping);
}

std::chrono::milliseconds worker::come_back_after() {
    if (plan_.come_back <= 0ms) return 0ms;
    using range = std::uniform_int_distribution<std::chrono::milliseconds::rep>;
    return std::chrono::milliseconds{range{0, plan_.come_back.count() - 1}(dice_)};
}

void worker::cut_all() noexcept {
    for (std::uint32_t slot = 0; slot < pool_.all().touched(); ++slot) {
        auto& record = pool_.all()[slot];
        if (record.where == state::free) continue;
        if (record.where == state::greeting) ++counters_.abandoned;
        if (record.has_output()) record.set(flag::abort_on_close);
        // An open one was in the middle of its conversation: it may have been owed an answer.
        if (record.has_output() || record.where == state::open) ++counters_.cut;
        if (record.where == state::open)
            end_session(record, errc::stopping, close_reason::stopping);
        release(record);
    }
}

void worker::end_if_stopped() {
    bool waits = *coroutines_ != 0 && !cut_over_;
    if (stopping_ && pool_.all().in_use() == 0 && !waits) context_.stop();
}

// Handles what its peer has sent before, and ends it. Each message may owe an answer in turn.
void worker::end_put_off(connection_id id, error_code const& why) {
    auto* record = pool_.find(id);
    if (!record || record->is(flag::close_requested)) return;
    note(activity::engine);
    in_turn_ = true;
    if (why != errc::stopping) {
        close(*record, why);
    } else {
        record->clear(flag::input_paused);
        end_conversation(*record);
        record = pool_.find(id);
        // A stream had its time before.
        if (record && reads_by_itself(*record) && !record->is(flag::close_requested))
            finish_conversation(*record);
    }
    end_turn();
}

} // namespace millipede::detail
