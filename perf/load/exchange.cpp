// SPDX-License-Identifier: BSL-1.0
// What the engine's open connections send, receive and check: the path of every request.
#include "engine.hpp"
#include "hexadecimal.hpp"
#include "socket_call.hpp"

#include <algorithm>
#include <cerrno>
#include <string>

namespace load {

bool engine::receive(std::uint32_t slot, bool until_end) {
    for (;;) {
        auto const received = receive_some(table_[slot].descriptor, receive_buffer_);
        if (received <= 0) {
            if (received < 0 && errno == EINTR) continue;
            return finish_receiving(slot, received == 0 ? 0 : errno);
        }
        auto const bytes = static_cast<std::size_t>(received);
        if (!consume(slot, std::span{receive_buffer_}.first(bytes))) return false;
        // A short read has drained the socket, and more to come is a new edge (epoll(7)).
        if (bytes < receive_buffer_.size() && !until_end) return true;
    }
}

bool engine::finish_receiving(std::uint32_t slot, int error) {
    if (error == EAGAIN) return true;
    if (error == 0)
        lose(slot, error_kind::closed_by_server, "end of stream from the server");
    else
        lose_by_errno(slot, error);
    return false;
}

bool engine::consume(std::uint32_t slot, std::span<std::byte const> bytes) {
    auto const received_ns = now_ns();
    if (table_[slot].state == connection_state::login_pending)
        return consume_greeting(slot, bytes, received_ns);
    auto const before = table_[slot].answered;
    if (!consume_echoes(slot, bytes, received_ns)) return false;
    auto const count = table_[slot].answered - before;
    if (count == 0) return true;
    observer_->on_replies(slot, count, received_ns);
    return flush(slot);
}

bool engine::consume_echoes(std::uint32_t slot, std::span<std::byte const> bytes,
                            std::int64_t now_ns) {
    auto& connection = table_[slot];
    auto const before = connection.answered;
    auto const size_bytes = frame_.size_bytes();
    auto wrong_at = bytes.size();
    while (!bytes.empty() && connection.answered != connection.sent) {
        auto const part = bytes.first(
            std::min<std::size_t>(bytes.size(), size_bytes - connection.answered_bytes));
        wrong_at =
            frame_.mismatch(connection.key, connection.answered, connection.answered_bytes, part);
        if (wrong_at < part.size()) break;
        bytes = bytes.subspan(part.size());
        auto const answered_bytes = connection.answered_bytes + part.size();
        connection.answered_bytes = static_cast<std::uint16_t>(answered_bytes);
        if (answered_bytes < size_bytes) break;
        connection.answered_bytes = 0;
        counts_.echo_latency.record(now_ns - intended_ns(slot, connection.answered));
        ++connection.answered;
    }
    // Also when the connection is lost now: these replies were right.
    outstanding_ -= connection.answered - before;
    counts_.replies.add(connection.answered - before);
    if (bytes.empty()) return true;
    lose_by_content(slot, bytes, wrong_at);
    return false;
}

// `bytes` begin where a reply, or the rest of one, was awaited.
void engine::lose_by_content(std::uint32_t slot, std::span<std::byte const> bytes,
                             std::size_t wrong_at) {
    auto const& connection = table_[slot];
    if (connection.answered == connection.sent)
        return lose(slot, error_kind::unasked_bytes, "nothing was asked, got " + as_hex(bytes));
    lose(slot, error_kind::wrong_reply,
         "reply " + std::to_string(connection.answered) + " of a connection differs at byte " +
             std::to_string(connection.answered_bytes + wrong_at) + ": " +
             as_hex(bytes.subspan(wrong_at)));
}

// Fills the buffer with the frames from the first unsent one on, whole ones apart from that.
engine::gathered engine::gather(connection const& connection) {
    gathered result;
    auto const size_bytes = frame_.size_bytes();
    std::size_t offset = connection.sent_bytes;
    for (auto sequence = connection.sent; sequence != connection.asked; ++sequence) {
        if (result.bytes + size_bytes - offset > send_buffer_.size()) break;
        result.bytes +=
            frame_.write(connection.key, sequence, offset, send_buffer_.data() + result.bytes);
        offset = 0;
        ++result.frames;
    }
    return result;
}

bool engine::flush(std::uint32_t slot) {
    auto& connection = table_[slot];
    while (connection.sent != connection.asked) {
        auto const [bytes, frames] = gather(connection);
        auto const sent = send_some(connection.descriptor, std::span{send_buffer_}.first(bytes));
        if (sent < 0) {
            if (errno == EAGAIN) return true;
            lose_by_errno(slot, errno);
            return false;
        }
        if (static_cast<std::size_t>(sent) < bytes) {
            auto const total = connection.sent_bytes + static_cast<std::size_t>(sent);
            connection.sent += static_cast<std::uint32_t>(total / frame_.size_bytes());
            connection.sent_bytes = static_cast<std::uint16_t>(total % frame_.size_bytes());
            return true; // the rest at the next edge
        }
        connection.sent += frames;
        connection.sent_bytes = 0;
    }
    return true;
}

} // namespace load
