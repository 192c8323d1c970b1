// SPDX-License-Identifier: BSL-1.0
// What a worker does for conversations: other threads of execution, such as coroutines, that talk
// to its connections outside of their handlers.
#include <millipede/worker/connection.hpp>
#include <millipede/worker/protocol.hpp>
#include <millipede/worker/worker.hpp>

#include <boost/asio/post.hpp>

#include <exception>
#include <new>
#include <utility>

namespace millipede::detail {
namespace {

// So many handlers may run after the last connection has ended, for coroutines to end as well.
constexpr int last_handlers_max = 100'000;

} // namespace

void worker::settle_soon() noexcept {
    if (in_turn_ || std::exchange(settle_posted_, true)) return;
    post_reserved(context_, wakeups_.settle, [this] {
        settle_posted_ = false;
        in_turn_ = true;
        end_turn();
    });
}

void worker::close_soon(connection_record& record, error_code reason) noexcept {
    basic_connection{*this, record}.close(reason);
    settle_soon();
}

void worker::fail_soon(connection_record& record, std::string_view what) noexcept {
    caught(record, what);
    settle_soon();
}

void worker::failed_late(std::string_view what) noexcept {
    ++counters_.callback_failures;
    try {
        if (auto suppressed = lines_.failures.admit(std::chrono::steady_clock::now()))
            log(error) << "worker " << field("worker", index_)
                       << ": a coroutine failed after its connection: " << field("reason", what)
                       << suppressed_note(*suppressed);
    } catch (...) {
        // The counter tells.
    }
}

bool worker::answer_given(connection_id id) noexcept {
    auto why = owed_.settle(id);
    if (!why) return false;
    try { // not from within the coroutine that has sent it
        boost::asio::post(context_, [this, id, why] { end_put_off(id, why); });
    } catch (std::bad_alloc const&) {
        if (auto* record = pool_.find(id)) output_.request_close(*record, errc::no_memory);
        settle_soon();
    }
    return true;
}

void worker::coroutine_ended() noexcept {
    if (!in_turn_) end_if_stopped();
}

void worker::tell_room(connection_record& record) {
    converse(record, [&](basic_connection& connection) {
        protocols_[record.protocol]->on_room(connection);
    });
}

// All connections have gone, and their coroutines have been told; what that has made ready runs
// now. Who waits for something else nevertheless ends with the io_context.
void worker::end_coroutines() {
    for (int count = 0; *coroutines_ != 0 && count < last_handlers_max; ++count)
        try {
            context_.restart(); // the end of one stops it again
            if (context_.poll_one() == 0) return;
        } catch (std::exception const& failure) {
            failed_late(failure.what());
        } catch (...) {
            if (!std::current_exception()) throw; // the thread is being ended
            failed_late("not a std::exception");
        }
}

} // namespace millipede::detail
