// SPDX-License-Identifier: BSL-1.0
// How a broadcast walks over a worker's connections.
#include <millipede/worker/broadcast.hpp>

#include <millipede/worker/connection.hpp>
#include <millipede/worker/worker.hpp>

#include <boost/asio/post.hpp>

#include <algorithm>
#include <new>

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

error_code worker::post_admitted(std::unique_ptr<mail> request) {
    if (!running_.load(std::memory_order_acquire)) return errc::not_running;
    if (mailbox_.post_admitted(std::move(request)) == mailbox::posted::must_wake)
        boost::asio::post(context_, [this] { take_mail(); });
    return {};
}

void worker::begin_broadcast(std::unique_ptr<broadcast> message) {
    broadcasts_.push_back(std::move(message));
    walk_soon();
}

void worker::walk_soon() noexcept {
    if (walk_posted_ || broadcasts_.empty()) return;
    try {
        boost::asio::post(context_, [this] {
            walk_posted_ = false;
            walk();
        });
        walk_posted_ = true;
    } catch (std::bad_alloc const&) {
        // The next tick tries again.
    }
}

// One after the other: so every connection gets them in their order.
void worker::walk() {
    if (broadcasts_.empty()) return;
    auto& message = *broadcasts_.front();
    auto& slots = pool_.all();
    auto end = std::min(message.next_slot + slice_connections, slots.touched());
    in_turn_ = true;
    for (std::size_t bytes = 0; message.next_slot < end && bytes < slice_bytes_max;
         ++message.next_slot)
        bytes += deliver(message, slots[message.next_slot]) ? message.message().size() : 0;
    if (message.next_slot >= slots.touched()) broadcasts_.pop_front();
    walk_soon();
    end_turn();
}

bool worker::deliver(broadcast& message, connection_record& record) noexcept {
    if (record.where != connection_record::state::open ||
        record.is(connection_record::close_requested))
        return false;
    basic_connection connection{*this, record};
    try {
        if (!message.reaches(connection, *protocols_[record.protocol])) return false;
    } catch (std::exception const& failure) {
        filter_failed(failure.what());
        return false;
    } catch (...) {
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
