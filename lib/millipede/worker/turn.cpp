// SPDX-License-Identifier: BSL-1.0
#include <millipede/worker/connection.hpp>
#include <millipede/worker/protocol.hpp>
#include <millipede/worker/worker.hpp>

#include <utility>

namespace millipede::detail {
namespace {

using flag = connection_record::flag;
using state = connection_record::state;

// So often a turn asks for more events before timers and posts have theirs.
constexpr int collections_per_turn = 4;

// To go back to the io_context costs two system calls more than another look. While as many as
// this were served, others have become ready most of the time; after one or two, hardly any.
constexpr std::size_t worth_another_look = 4;

edge edges_of(std::uint32_t events) noexcept {
    edge edges{};
    if (events & (EPOLLIN | EPOLLRDHUP)) edges = edges | edge::readable;
    if (events & EPOLLOUT) edges = edges | edge::writable;
    if (events & EPOLLRDHUP) edges = edges | edge::hangup;
    // Whoever reads or writes next learns what happened.
    if (events & (EPOLLERR | EPOLLHUP))
        edges = edges | edge::readable | edge::writable | edge::hangup;
    return edges;
}

} // namespace

void worker::wait_for_readiness() {
    ready_.async_wait(wakeups_.readiness, [this] {
        try {
            on_readiness();
        } catch (...) { // this worker must not go deaf for it
            wait_for_readiness();
            throw;
        }
        wait_for_readiness();
    });
}

void worker::on_readiness() {
    in_turn_ = true;
    for (int collection = 0; collection < collections_per_turn; ++collection) {
        auto events = ready_.collect(events_);
        auto event = events.begin();
        try {
            for (; event != events.end(); ++event)
                handle(event->data.u64, edges_of(event->events));
        } catch (...) { // the edges of the others will not come again
            left_events_ = events.subspan(static_cast<std::size_t>(event - events.begin()) + 1);
            throw;
        }
        if (events.size() < worth_another_look) break;
    }
    end_turn();
}

// What a turn left that was cut short by an exception, or by the end of its thread.
void worker::take_up_turn() {
    in_turn_ = true;
    if (!waiting_greetings_.empty()) post_greetings();
    while (!left_events_.empty()) {
        auto event = left_events_.front();
        left_events_ = left_events_.subspan(1);
        handle(event.data.u64, edges_of(event.events));
    }
    adopt_all();
    mailbox_.take_rest([this](mail& request) { run_mail(request); });
    if (stopping_) end_soon();
    end_turn();
}

// Connections that filled the scratch buffer: one read each, then the others' turn again.
void worker::on_waiting_input() {
    waiting_input_posted_ = false;
    in_turn_ = true;
    work_off(waiting_input_, flag::input_waits, [this](connection_record& record) {
        if (record.where == state::greeting) return; // it waits for another turn: greet_later
        record.clear(flag::input_waits);
        if (record.where == state::lingering)
            discard(record);
        else if (record.receiving())
            read_on(record);
    });
    end_turn();
}

void worker::end_turn() noexcept {
    settle();
    in_turn_ = false;
    if (!waiting_input_.empty()) post_waiting_input();
    end_if_stopped();
}

void worker::post_waiting_input() noexcept {
    if (!std::exchange(waiting_input_posted_, true))
        post_reserved(context_, wakeups_.input, [this] { on_waiting_input(); });
}

// Calls `f` for the connections on the list that still have its mark.
template <class F>
void worker::work_off(agenda& list, flag mark, F f) {
    list.work_off(
        [&](std::uint64_t token) {
            auto* record = pool_.find_token(token);
            if (record && record->is(mark)) f(*record);
        },
        [&] {
            for (std::uint32_t slot = 0; slot < pool_.all().touched(); ++slot) {
                auto& record = pool_.all()[slot];
                if (record.where != state::free && record.is(mark)) f(record);
            }
        });
}

void worker::handle(std::uint64_t token, edge edges) {
    auto* record = pool_.find_token(token);
    if (!record) return; // ended earlier in this turn
    if (record->where >= state::lingering) return handle_aside(*record, edges);
    if (has(edges, edge::writable)) return handle_room(*record, edges);
    if (has(edges, edge::hangup)) record->set(flag::hung_up);
    if (!has(edges, edge::readable)) return;
    // One that is to be revisited has messages to handle before what comes now.
    if (record->receiving() && !record->is(flag::input_waits)) receive(*record);
}

// Output first, then what else there is. Apart, so that those without it save no registers.
void worker::handle_room(connection_record& record, edge edges) {
    auto token = pool_.token_of(record);
    writable(record);
    handle(token, without(edges, edge::writable));
}

// Those that have no conversation any more, or not yet.
void worker::handle_aside(connection_record& record, edge edges) {
    bool has_stream = record.extra && record.extra->stream;
    if (has_stream && has(edges, edge::writable)) record.extra->stream->flush();
    if (has(edges, edge::hangup)) record.set(flag::hung_up);
    if (!has(edges, edge::readable)) return;
    if (record.where == state::lingering)
        discard(record);
    else
        greet_later(record);
}

// What a pause kept first, and then one read.
void worker::read_on(connection_record& record) {
    record.clear(flag::input_waits);
    if (record.extra && !record.extra->input.empty()) {
        converse(record, [&](basic_connection& connection) {
            input_.resume(record, connection, *protocols_[record.protocol]);
        });
        if (notes_input_) note_input(record);
    }
    if (record.receiving())
        receive(record);
    else
        settle(record);
}

void worker::receive(connection_record& record) {
    using rest = input::rest;
    auto& speaker = *protocols_[record.protocol];
    rest left;
    do {
        left = rest::nothing;
        converse(record, [&](basic_connection& connection) {
            left = input_.receive(record, connection, speaker);
        });
        if (notes_input_) note_input(record);
    } while (left == rest::drained && record.is(flag::hung_up) && record.receiving());

    if (record.is(flag::close_requested)) return settle(record);
    if (left == rest::more) return read_again_later(record);
    if (left == rest::ended) {
        if (owed_.put_off_end(pool_.id_of(record), errc::closed_by_peer)) return;
        return close(record, errc::closed_by_peer);
    }
    if (left == rest::failed) return close(record, input_.failure());
}

void worker::writable(connection_record& record) {
    bool some_left = record.extra && record.extra->stream && record.extra->stream->flush();
    if (!record.is(flag::output_blocked)) return;
    if (some_left) pool_.touch(record, tick_); // so the peer has taken some
    if (record.has_output()) {
        auto result = output_.flush_queue(record);
        if (result == output::flushed::failed && record.where == state::flushing)
            return release(record);
        if (result != output::flushed::all) return settle(record);
    }
    if (record.extra && record.extra->stream && !record.extra->stream->flushed())
        return pool_.touch(record, tick_); // it has taken some
    pool_.unblock(record, tick_);
    if (record.where == state::flushing) return end_output(record);
    tell_room(record);
    pool_.trim(record);
    read_again_later(record); // what came meanwhile announced its edge in vain
}

void worker::read_again_later(connection_record& record) noexcept {
    if (record.is(flag::input_waits)) return;
    record.set(flag::input_waits);
    waiting_input_.note(pool_.token_of(record));
    if (!in_turn_) post_waiting_input(); // outside of a turn nobody would look at the list
}

// Sends what handlers of other connections queued, and closes what they asked to be closed.
void worker::settle() noexcept {
    while (!output_.unsettled().empty()) // on_close handlers may send to others again
        work_off(output_.unsettled(), flag::needs_settling, [this](connection_record& record) {
            record.clear(flag::needs_settling);
            if (record.where != state::open) return;
            bool writes = record.has_output() && !record.is(flag::output_blocked) &&
                          !record.is(flag::close_requested);
            if (writes && output_.flush_queue(record) == output::flushed::all) pool_.trim(record);
            if (record.extra && record.extra->untold.messages != 0) tell_overflow(record);
            settle(record);
        });
}

void worker::settle(connection_record& record) noexcept {
    if (record.where != state::open || !record.is(flag::close_requested)) return;
    close(record, record.extra ? record.extra->close_code : error_code{errc::no_memory});
}

} // namespace millipede::detail
