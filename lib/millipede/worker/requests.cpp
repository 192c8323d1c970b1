// SPDX-License-Identifier: BSL-1.0
// What other threads ask a worker to do.
#include <millipede/worker/worker.hpp>

#include <exception>
#include <new>
#include <utility>

namespace millipede::detail {

error_code worker::post(std::unique_ptr<mail> request, std::size_t bytes) {
    if (!running_.load(std::memory_order_acquire)) return errc::not_running;
    switch (mailbox_.post(std::move(request), bytes)) {
    case mailbox::posted::full:
        return errc::mailbox_full;
    case mailbox::posted::must_wake:
        post_reserved(context_, wakeups_.mail, [this] { take_mail(); });
        break;
    case mailbox::posted::quietly:
        break;
    }
    return {};
}

error_code worker::post_admitted(std::unique_ptr<mail> request) {
    if (!running_.load(std::memory_order_acquire)) return errc::not_running;
    if (mailbox_.post_admitted(std::move(request)) == mailbox::posted::must_wake)
        post_reserved(context_, wakeups_.mail, [this] { take_mail(); });
    return {};
}

void worker::take_mail() {
    in_turn_ = true;
    mailbox_.take_all([this](mail& request) { run_mail(request); });
    end_turn();
}

void worker::run_mail(mail& request) {
    note(activity::request);
    try {
        request.run(*this);
    } catch (std::exception const& failure) {
        request_failed(failure.what());
    } catch (...) {
        if (!std::current_exception()) throw; // the thread is being ended
        request_failed("not a std::exception");
    }
}

void worker::request_failed(std::string_view what) noexcept {
    ++counters_.callback_failures;
    try {
        if (auto suppressed = lines_.requests.admit(std::chrono::steady_clock::now()))
            log(error) << "worker " << field("worker", index_)
                       << ": a posted request failed: " << field("reason", what)
                       << suppressed_note(*suppressed);
    } catch (...) {
        // The counter tells.
    }
}

error_code worker::send(connection_id id, payload message, overflow_policy policy) {
    auto* record = pool_.find(id);
    if (!record) {
        ++counters_.stale_requests;
        return errc::stale_connection;
    }
    error_code result;
    try {
        if (!output_.send(*record, std::move(message), policy)) result = errc::output_full;
    } catch (std::bad_alloc const&) { // whoever goes on after a message that is missing goes wrong
        output_.request_close(*record, errc::no_memory);
        result = errc::no_memory;
    }
    settle_soon();
    return result;
}

void worker::answer(connection_id id, payload message, error_code failure) {
    auto ends = owed_.settle(id);
    auto* record = pool_.find(id);
    if (!record) {
        if (!message.empty()) ++counters_.stale_requests;
        return;
    }
    try {
        if (!message.empty()) output_.send(*record, std::move(message));
    } catch (std::bad_alloc const&) {
        output_.request_close(*record, errc::no_memory);
    }
    if (failure) output_.request_close(*record, failure);
    if (!ends || record->is(connection_record::close_requested)) return; // closed in this turn
    if (ends == errc::stopping)
        finish_conversation(*record);
    else
        close(*record, ends);
}

} // namespace millipede::detail
