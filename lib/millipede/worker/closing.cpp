// SPDX-License-Identifier: BSL-1.0
// How a connection ends: its session first, then its output, then its input, then its slot.
#include <millipede/worker/connection.hpp>
#include <millipede/worker/protocol.hpp>
#include <millipede/worker/worker.hpp>

namespace millipede::detail {
namespace {

using flag = connection_record::flag;
using state = connection_record::state;

} // namespace

void worker::caught(connection_record& record, std::string_view what) noexcept {
    output_.request_close(record, errc::handler_failed);
    try {
        auto suppressed = lines_.failures.admit(std::chrono::steady_clock::now());
        if (!suppressed) return;
        log(error) << "handler failed for " << field("peer", peer_name(record)) << ": "
                   << field("reason", what) << "; connection closed"
                   << suppressed_note(*suppressed);
    } catch (...) {
        // Logging failed as well: the counter tells.
    }
}

void worker::close(connection_record& record, error_code reason) noexcept {
    bool by_handler = record.extra && record.extra->closed_by_handler;
    auto kind = reason_of(reason);
    // Codes of the user's own are reasons of the server.
    if (by_handler && kind == close_reason::error) kind = close_reason::server;
    end_session(record, reason, kind);
    if (by_handler) kind = close_reason::server;
    if (kind == close_reason::error || kind == close_reason::timeout ||
        kind == close_reason::shed) {
        // Nobody takes the output any more, or nobody shall: it would only hold memory.
        if (record.has_output()) {
            record.set(flag::abort_on_close);
            if (kind == close_reason::shed) counters_.bytes_shed += record.extra->output.bytes();
        }
        return release(record);
    }
    if (record.extra) record.extra->input.release(pool_.buffers());
    if (record.has_output()) {
        if (!record.is(flag::output_blocked) &&
            output_.flush_queue(record) == output::flushed::failed)
            return release(record);
        if (record.has_output()) return; // the write timeout bounds it
    }
    bool stream_busy = record.extra && record.extra->stream && !record.extra->stream->flushed();
    if (kind == close_reason::peer && !stream_busy) return release(record);
    end_output(record);
}

void worker::end_session(connection_record& record, error_code const& reason,
                         close_reason kind) noexcept {
    record.where = state::flushing;
    count_close(kind);
    log_close(record, reason);
    if (!groups_.empty()) groups_.leave_all(pool_.all().slot_of(record));
    basic_connection connection{*this, record};
    protocols_[record.protocol]->on_close(connection, reason);
}

// All output has left. Closing now would answer unread input with a reset, and a reset destroys
// what the peer has not read yet: so only our direction ends, and input is thrown away until the
// peer ends its own or the linger timeout is over.
void worker::end_output(connection_record& record) noexcept {
    if (record.descriptor >= 0) {
        socket_shutdown_write(record.descriptor);
    } else {
        if (!record.extra->stream->flushed()) {
            if (!record.is(flag::output_blocked)) pool_.block(record, tick_);
            return; // until the stream announces that it has
        }
        record.extra->stream->shutdown_write();
    }
    pool_.linger(record, tick_);
    discard(record);
}

void worker::discard(connection_record& record) noexcept {
    using rest = input::rest;
    auto left = input_.discard(record);
    if (left == rest::ended || left == rest::failed) return release(record);
    if (left != rest::nothing) read_again_later(record);
}

void worker::release(connection_record& record) noexcept {
    released(departed_ ? pool_.source_of(record) : source_key{});
    pool_.release(record);
}

boost::asio::ip::tcp::endpoint worker::remote_endpoint(connection_record const& record,
                                                       error_code& code) const {
    if (record.extra && record.extra->client) {
        code.clear();
        return *record.extra->client;
    }
    if (record.descriptor >= 0) return socket_remote_endpoint(record.descriptor, code);
    return record.extra->stream->remote_endpoint(code);
}

std::string worker::peer_name(connection_record const& record) const {
    error_code code;
    auto peer = remote_endpoint(record, code);
    return detail::peer_name(peer, code);
}

void worker::log_close(connection_record const& record, error_code const& reason) noexcept {
    bool refused = reason_of(reason) == close_reason::refused;
    bool shed = reason_of(reason) == close_reason::shed;
    if (!refused && !shed && !log_enabled(debug)) return;
    try {
        if (!refused && !shed) {
            log(debug) << field("peer", peer_name(record)) << ": "
                       << field("reason", reason.message());
            return;
        }
        auto suppressed =
            (shed ? lines_.overflows : lines_.refusals).admit(std::chrono::steady_clock::now());
        if (!suppressed) return;
        log(warning) << (shed ? "shed " : "refused ") << field("peer", peer_name(record)) << ": "
                     << field("reason", reason.message()) << "; connection closed"
                     << suppressed_note(*suppressed);
    } catch (...) {
        // The counters tell.
    }
}

void worker::count_close(close_reason kind) noexcept {
    ++counters_.closed;
    switch (kind) {
    case close_reason::peer:
        ++counters_.closed_by_peer;
        break;
    case close_reason::timeout:
        ++counters_.timeouts;
        break;
    case close_reason::error:
        ++counters_.errors;
        break;
    case close_reason::refused:
        ++counters_.refused_frames;
        break;
    case close_reason::shed:
        ++counters_.shed;
        break;
    case close_reason::stopping:
        ++counters_.stopped;
        break;
    case close_reason::server:
        ++counters_.closed_by_server;
        break;
    case close_reason::failed:
        ++counters_.handler_failures;
        break;
    }
}

} // namespace millipede::detail
