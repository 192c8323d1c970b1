// SPDX-License-Identifier: BSL-1.0
// How a broadcast walks over a worker's connections.
#include <millipede/worker/broadcast.hpp>

#include <millipede/worker/connection.hpp>
#include <millipede/worker/worker.hpp>

#include <exception>
#include <new>
#include <utility>

namespace millipede::detail {

void broadcast_mail::run(worker& recipient) {
    recipient.begin_errand(std::move(brought_));
}

void worker::begin_errand(std::unique_ptr<errand> come) noexcept {
    if (!come->begin(*this)) return;
    broadcasts_.push_back(std::move(come));
    walk_soon();
}

void worker::walk_soon() noexcept {
    if (broadcasts_.empty() || std::exchange(walk_posted_, true)) return;
    post_reserved(context_, wakeups_.walk, [this] {
        walk_posted_ = false;
        walk();
    });
}

// One after the other: so every connection gets them in their order.
void worker::walk() {
    if (broadcasts_.empty()) return;
    note(activity::engine);
    in_turn_ = true;
    for (walk_slice left; !broadcasts_.empty() && !left.over(); left.look()) // for each one, too
        if (broadcasts_.front().advance(*this, left)) broadcasts_.pop_front();
    note(activity::engine);
    walk_soon();
    end_turn();
}

bool broadcast::advance(worker& on, walk_slice& left) {
    auto& slots = on.pool().all();
    while (next_slot_ < slots.touched() && !left.over()) {
        auto& record = slots[next_slot_++]; // who ends the thread is not asked once more
        left.look();
        if (on.wants(*this, record) && on.deliver(record, message_, policy_))
            left.deliver(message_.size());
    }
    return next_slot_ == slots.touched();
}

bool worker::wants(broadcast& message, connection_record& record) {
    if (record.where != connection_record::state::open ||
        record.is(connection_record::close_requested))
        return false;
    basic_connection connection{*this, record};
    note(activity::filtering);
    try {
        return message.reaches(connection, *protocols_[record.protocol]);
    } catch (std::exception const& failure) {
        filter_failed(failure.what());
    } catch (...) {
        if (!std::current_exception()) throw; // the thread is being ended
        filter_failed("not a std::exception");
    }
    return false;
}

bool worker::deliver(connection_record& record, payload const& message, overflow_policy policy) {
    try {
        return output_.send(record, message, policy);
    } catch (std::bad_alloc const&) {
        output_.request_close(record, errc::no_memory);
        return false;
    }
}

// The connection does not get the message; it has done nothing to be closed for.
void worker::filter_failed(std::string_view what) noexcept {
    ++counters_.callback_failures;
    try {
        auto suppressed = lines_.failures.admit(std::chrono::steady_clock::now());
        if (suppressed)
            log(error) << "a broadcast's filter failed: " << field("reason", what)
                       << suppressed_note(*suppressed);
    } catch (...) {
        // The counter tells.
    }
}

} // namespace millipede::detail
