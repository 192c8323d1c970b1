// SPDX-License-Identifier: BSL-1.0
// How a broadcast walks over a worker's connections.
#include <millipede/worker/broadcast.hpp>

#include <millipede/worker/connection.hpp>
#include <millipede/worker/worker.hpp>

#include <algorithm>
#include <exception>
#include <new>
#include <utility>

namespace millipede::detail {
namespace {

// So much of a broadcast at a time, before others have their turn: connections looked at, and bytes
// given to those that get it.
constexpr std::uint32_t slice_connections = 1'024;
constexpr std::size_t slice_bytes_max = 8 * 1024 * 1024;

} // namespace

void broadcast_mail::run(worker& recipient) {
    recipient.begin_broadcast(std::move(message_));
}

void worker::begin_broadcast(std::unique_ptr<broadcast> message) noexcept {
    broadcasts_.push_back(std::move(message));
    walk_soon();
}

void worker::walk_soon() noexcept {
    if (broadcasts_.empty() || std::exchange(walk_posted_, true)) return;
    post_reserved(context_, walk_memory_, [this] {
        walk_posted_ = false;
        walk();
    });
}

// One after the other: so every connection gets them in their order.
void worker::walk() {
    if (broadcasts_.empty()) return;
    auto& message = broadcasts_.front();
    auto& slots = pool_.all();
    auto end = std::min(message.next_slot + slice_connections, slots.touched());
    in_turn_ = true;
    for (std::size_t bytes = 0; message.next_slot < end && bytes < slice_bytes_max;) {
        auto& record = slots[message.next_slot++]; // who ends the thread is not asked once more
        bytes += deliver(message, record) ? message.message().size() : 0;
    }
    note(activity::engine);
    if (message.next_slot >= slots.touched()) broadcasts_.pop_front();
    walk_soon();
    end_turn();
}

bool worker::deliver(broadcast& message, connection_record& record) {
    if (record.where != connection_record::state::open ||
        record.is(connection_record::close_requested))
        return false;
    basic_connection connection{*this, record};
    note(activity::filtering);
    try {
        if (!message.reaches(connection, *protocols_[record.protocol])) return false;
    } catch (std::exception const& failure) {
        filter_failed(failure.what());
        return false;
    } catch (...) {
        if (!std::current_exception()) throw; // the thread is being ended
        filter_failed("not a std::exception");
        return false;
    }
    try {
        return output_.send(record, message.message(), message.policy());
    } catch (std::bad_alloc const&) {
        output_.request_close(record, errc::no_memory);
        return false;
    }
}

// The connection does not get the message; it has done nothing to be closed for.
void worker::filter_failed(std::string_view what) noexcept {
    ++counters_.callback_failures;
    try {
        auto suppressed = failures_.admit(std::chrono::steady_clock::now());
        if (suppressed)
            log(error) << "a broadcast's filter failed: " << what << suppressed_note(*suppressed);
    } catch (...) {
        // The counter tells.
    }
}

} // namespace millipede::detail
