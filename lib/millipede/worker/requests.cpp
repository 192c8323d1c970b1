// SPDX-License-Identifier: BSL-1.0
// What other threads ask a worker to do.
#include <millipede/worker/worker.hpp>

#include <exception>
#include <utility>

namespace millipede::detail {

error_code worker::post(std::unique_ptr<mail> request) {
    if (!running_.load(std::memory_order_acquire)) return errc::not_running;
    switch (mailbox_.post(std::move(request))) {
    case mailbox::posted::full:
        return errc::mailbox_full;
    case mailbox::posted::must_wake:
        post_reserved(context_, mail_memory_, [this] { take_mail(); });
        break;
    case mailbox::posted::quietly:
        break;
    }
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
        log(error) << "worker " << index_ << ": a posted request failed: " << what;
    } catch (...) {
        // The counter tells.
    }
}

} // namespace millipede::detail
