// SPDX-License-Identifier: BSL-1.0
#include <millipede/worker/connection.hpp>

#include <boost/system/system_error.hpp>

namespace millipede {

using flag = detail::connection_record::flag;

bool basic_connection::send_bytes(std::span<std::byte const> bytes) {
    if (!out().gathers(*record_)) return send(payload{bytes});
    out().append(bytes);
    return true;
}

void basic_connection::close(error_code reason) noexcept {
    if (record_->where != detail::connection_record::state::open) return;
    if (!reason.failed()) reason = errc::closed_by_server;
    out().request_close(*record_, reason, detail::output::closer::handler);
}

void basic_connection::pause_receiving() noexcept {
    record_->set(flag::input_paused);
}

void basic_connection::resume_receiving() {
    if (!record_->is(flag::input_paused)) return;
    record_->clear(flag::input_paused);
    // A message that is awaited has its whole time from now on: it was we who did not read.
    bool awaited = record_->is(flag::awaits_first) || record_->is(flag::awaits_rest);
    if (awaited && record_->receiving()) worker_->pool().restart(*record_, out().tick);
    worker_->resume_soon(*record_);
}

void basic_connection::callback_failed(std::string_view which) const noexcept {
    ++worker_->mutable_counters().callback_failures;
    auto tell = [&](std::string_view why) {
        auto suppressed = worker_->lines().callbacks.admit(std::chrono::steady_clock::now());
        if (suppressed)
            log(error) << which << " failed: " << field("reason", why)
                       << suppressed_note(*suppressed);
    };
    try {
        try {
            throw;
        } catch (std::exception const& failure) {
            tell(failure.what());
        } catch (...) {
            tell("not a std::exception");
        }
    } catch (...) {
        // No memory for a line: the counter tells.
    }
}

boost::asio::ip::tcp::endpoint basic_connection::remote_endpoint() const {
    error_code code;
    auto endpoint = remote_endpoint(code);
    if (code) throw boost::system::system_error{code, "remote_endpoint"};
    return endpoint;
}

} // namespace millipede
