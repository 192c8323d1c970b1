// SPDX-License-Identifier: BSL-1.0
#include <millipede/worker/worker.hpp>

#include <millipede/worker/connection.hpp>
#include <millipede/worker/protocol.hpp>
#include <millipede/worker/ticks.hpp>

#include <algorithm>
#include <new>
#include <utility>

namespace millipede::detail {
namespace {

using namespace std::chrono_literals;

// So many connections are expired at a time, before others have their turn.
constexpr std::uint32_t slice = 1'024;

std::size_t largest_session(std::span<protocol* const> protocols) {
    std::size_t largest = 0;
    for (auto* speaker : protocols)
        largest = std::max(largest, speaker->session_bytes());
    return largest;
}

// Workers, and servers that end together, are not to spread their clients alike.
std::uint32_t seed_of(std::uint32_t index) {
    auto now = std::chrono::steady_clock::now().time_since_epoch().count();
    return static_cast<std::uint32_t>(now) + index * 0x9e3779b9U;
}

// Whoever sets no write timeout gets the idle timeout: a blocked connection is not read.
std::chrono::milliseconds blocked_timeout(options const& limits) {
    return limits.write_timeout > 0ms ? limits.write_timeout : limits.idle_timeout;
}

} // namespace

worker::worker(std::uint32_t index, options const& limits, std::span<protocol* const> protocols,
               std::span<greeting const> greetings, output_budget* all_output)
    : index_{index},
      live_{limits},
      limits_{&live_.in_force},
      protocols_{protocols},
      greetings_{greetings},
      pool_{index, limits.connections_per_worker, largest_session(protocols),
            limits.buffer_budget_bytes, slot_appendix{limits}},
      output_{pool_, ready_, counters_, *limits_},
      input_{pool_, counters_, limits},
      incoming_{limits.handoff_capacity},
      all_output_{all_output},
      broadcast_room_{limits.broadcast_capacity, limits.mailbox_max_bytes},
      change_room_{limits.mailbox_capacity},
      mailbox_{limits.mailbox_capacity, limits.mailbox_max_bytes},
      message_rate_{limits.messages_per_second, limits.messages_burst},
      byte_rate_{limits.bytes_per_second, limits.bytes_burst},
      notes_input_{limits.first_message_timeout > 0ms || limits.message_timeout > 0ms ||
                   message_rate_.on() || byte_rate_.on()},
      groups_{index},
      tick_length_{tick_length_for(limits)},
      dice_{seed_of(index)} {
    // The acceptor hands over no more than there are slots.
    if (limits.connections_per_source_max != 0) departed_.emplace(limits.connections_per_worker);
    count_output();
}

worker::~worker() {
    join();
    accepted_socket socket;
    while (incoming_.take(socket))
        socket_close(socket.descriptor, false);
    cut_all();
}

void worker::wake() {
    if (incoming_.must_wake())
        post_reserved(context_, wakeups_.incoming, [this] { take_incoming(); });
}

void worker::take_incoming() {
    incoming_.begin_taking(); // before the first take: what comes later wakes again
    in_turn_ = true;
    adopt_all();
    end_turn();
}

void worker::adopt_all() {
    note(activity::engine);
    accepted_socket socket;
    while (incoming_.take(socket)) {
        if (stopping_) {
            released(socket.source);
            socket_close(socket.descriptor, false);
        } else {
            adopt(socket);
        }
    }
}

// The worker is done with a socket, connection or not.
void worker::released(source_key source) noexcept {
    if (departed_ && source.known()) departed_->push(source); // before the room is to be seen
    ++counters_.released;
}

void worker::schedule_tick() noexcept {
    try {
        tick_timer_.expires_after(tick_length_);
        tick_timer_.async_wait(reserved(wakeups_.tick, [this](error_code code) {
            if (!code) on_tick();
        }));
    } catch (std::bad_alloc const&) { // for the list of all timers: without ticks nothing times out
        post_reserved(context_, wakeups_.tick_retry, [this] { schedule_tick(); });
    }
}

void worker::on_tick() {
    // Counted, not read off a clock: after a stall, what was active just before it would look
    // as if it had been idle all the while, and be timed out too early.
    output_.tick = input_.tick = ++tick_;
    ++beats_;
    schedule_tick();
    log_suppressed(std::chrono::steady_clock::now());
    watch_output_at_tick();
    expire();
}

// Lines that were held back, of kinds whose interval is over; at the end, without a time, of all.
void worker::log_suppressed(std::optional<std::chrono::steady_clock::time_point> now) noexcept {
    try {
        lines_.tell(now);
    } catch (...) {
        // No memory for a line: the counters tell.
    }
}

void worker::expire() {
    auto expire_list = [this](connection_pool::list& list, std::chrono::milliseconds timeout,
                              auto end) {
        auto limit = ticks_of(timeout, tick_length_);
        for (std::uint32_t count = 0; count < slice; ++count) {
            auto slot = list.overdue(tick_, limit);
            if (slot == no_slot) return false;
            end(pool_.all()[slot]);
        }
        return true; // and maybe more
    };
    note(activity::engine);
    in_turn_ = true;
    bool more = expire_list(pool_.idle, limits_->idle_timeout, [this](connection_record& record) {
        close(record, errc::idle_timeout);
    });
    more |= expire_list(pool_.asked, limits_->idle_timeout,
                        [this](connection_record& record) { close(record, errc::idle_timeout); });
    more |= expire_list(pool_.idle, limits_->heartbeat_interval,
                        [this](connection_record& record) { ask_if_there(record); });
    more |= expire_list(
        pool_.newcomers, limits_->first_message_timeout,
        [this](connection_record& record) { expire_slow(record, errc::first_message_timeout); });
    more |=
        expire_list(pool_.incomplete, limits_->message_timeout, [this](connection_record& record) {
            expire_slow(record, errc::message_timeout);
        });
    more |= wake_throttled();
    more |= expire_list(pool_.blocked, blocked_timeout(*limits_),
                        [this](connection_record& record) { expire_blocked(record); });
    more |=
        expire_list(pool_.greeting, limits_->handshake_timeout, [this](connection_record& record) {
            fail_greeting(record, errc::handshake_timeout);
        });
    more |= expire_list(pool_.lingering, limits_->linger_timeout,
                        [this](connection_record& record) { release(record); });
    end_turn();
    if (more && !std::exchange(expire_posted_, true))
        post_reserved(context_, wakeups_.expire, [this] {
            expire_posted_ = false;
            expire();
        });
}

// A socket announces room only when a good part of its buffer is free, so a peer that reads slowly
// may have taken some without an edge: the last try tells.
void worker::expire_blocked(connection_record& record) {
    if (record.extra && record.extra->stream && record.extra->stream->flush()) {
        pool_.touch(record, tick_);
        return writable(record);
    }
    if (record.has_output()) {
        auto before = counters_.bytes_sent.load();
        auto result = output_.flush_queue(record);
        if (result == output::flushed::all) return writable(record);
        if (result == output::flushed::blocked && counters_.bytes_sent.load() != before) return;
    }
    record.set(connection_record::abort_on_close);
    if (record.where == connection_record::state::open) return close(record, errc::write_timeout);
    ++counters_.cut;
    release(record);
}

} // namespace millipede::detail
