// SPDX-License-Identifier: BSL-1.0
// How the engine's connections come to be usable.
#include "engine.hpp"
#include "hexadecimal.hpp"
#include "socket_call.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>

#include <sys/epoll.h>

namespace load {

namespace {

// So many opens at a time, then a look at what came back.
constexpr std::uint32_t opens_per_turn = 64;

// A connection's key: the worker above, the worker's own running number below.
constexpr unsigned key_number_bits = 48;
constexpr std::uint64_t key_number_mask = (std::uint64_t{1} << key_number_bits) - 1;

} // namespace

std::int64_t engine::open_due(std::int64_t now_ns) {
    for (std::uint32_t opens = 0; wanted_ > 0; ++opens) {
        if (in_progress_ >= in_progress_max_ || table_.full()) return never_ns;
        if (!open_pacer_.due(now_ns)) return open_pacer_.next_ns();
        if (opens == opens_per_turn) return now_ns;
        --wanted_;
        open_one(open_pacer_.take(now_ns));
        // The conductor will stop the run; until then a refusing server must not be hammered.
        if (counts_.errors.get() >= settings_.errors_max) wanted_ = 0;
    }
    return never_ns;
}

void engine::open_one(std::int64_t intended_ns) {
    counts_.connects.add();
    auto const begun = connector_.begin();
    if (begun.error != 0) {
        auto const kind = begun.error == EADDRNOTAVAIL  ? error_kind::no_local_port
                          : begun.error == ECONNREFUSED ? error_kind::connect_refused
                                                        : error_kind::connect_failed;
        auto const hint = begun.error == EADDRNOTAVAIL ? " (more --sources help)" : "";
        counts_.fail(kind, std::strerror(begun.error) + std::string{hint});
        return;
    }
    auto const slot = table_.take();
    auto& connection = table_[slot];
    connection.key = (std::uint64_t{share_.worker} << key_number_bits) | ++begun_;
    connection.intended_ns = intended_ns;
    connection.descriptor = begun.descriptor;
    connection.source = begun.source;
    connection.state = connection_state::connecting;
    ++in_progress_;
    // One registration for the connection's life: edges cost nothing while nothing happens.
    epoll_event event{.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                      .data = {.u64 = (std::uint64_t{connection.generation} << 32) | slot}};
    if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, connection.descriptor, &event) != 0)
        return lose(slot, error_kind::socket_failed, std::strerror(errno));
    // On loopback the handshake is over already, and the login saves waiting for an event.
    if (settings_.login) start_conversation(slot, true);
}

std::uint16_t engine::uid_of(connection const& connection) const {
    auto const number = (connection.key & key_number_mask) - 1;
    auto const uid = settings_.login_uid_base + share_.worker + number * share_.workers;
    return static_cast<std::uint16_t>(uid & 0xffff);
}

// Sends the login; without one there is nothing to say.
void engine::start_conversation(std::uint32_t slot, bool connect_may_be_pending) {
    auto& connection = table_[slot];
    auto const request = greeting_.make_request(connection.key, uid_of(connection));
    auto const sent = send_some(connection.descriptor, request);
    if (sent == static_cast<ssize_t>(request.size())) {
        connection.state = connection_state::login_pending;
        return;
    }
    if (sent < 0 && errno == EAGAIN && connect_may_be_pending) return;
    if (sent < 0) return lose_by_errno(slot, errno);
    lose(slot, error_kind::socket_failed, "a login did not fit into an empty socket");
}

void engine::become_open(std::uint32_t slot, std::int64_t now_ns) {
    --in_progress_;
    table_.mark_open(slot);
    counts_.opened.add();
    counts_.open_now.set(table_.open_count());
    counts_.login_latency.record(now_ns - table_[slot].intended_ns);
    observer_->on_open(slot, now_ns);
}

// True if the connection lives on.
bool engine::finish_connect(std::uint32_t slot, std::uint32_t events) {
    auto const generation = table_[slot].generation;
    if ((events & (EPOLLERR | EPOLLHUP)) != 0) {
        int error = 0;
        socklen_t error_bytes = sizeof error;
        ::getsockopt(table_[slot].descriptor, SOL_SOCKET, SO_ERROR, &error, &error_bytes);
        if (error != 0) return lose_by_errno(slot, error), false;
    }
    if ((events & EPOLLOUT) == 0) return false;
    if (settings_.login)
        start_conversation(slot, false);
    else
        become_open(slot, now_ns());
    return is_current(slot, generation);
}

// True if the connection lives on.
bool engine::consume_greeting(std::uint32_t slot, std::span<std::byte const> bytes,
                              std::int64_t now_ns) {
    auto& connection = table_[slot];
    auto const asked = greeting_.make_request(connection.key, uid_of(connection));
    auto const expected = greeting_.reply_to(asked).subspan(connection.answered_bytes);
    auto const part = bytes.first(std::min(bytes.size(), expected.size()));
    if (!std::ranges::equal(part, expected.first(part.size()))) {
        lose(slot, error_kind::wrong_login_reply,
             "expected " + as_hex(expected) + ", got " + as_hex(bytes));
        return false;
    }
    // Echoes are asked for only after this reply: whatever follows it at once is surplus.
    if (part.size() < bytes.size()) {
        lose(slot, error_kind::unasked_bytes,
             "after the login reply came " + as_hex(bytes.subspan(part.size())));
        return false;
    }
    connection.answered_bytes = static_cast<std::uint16_t>(connection.answered_bytes + part.size());
    if (part.size() < expected.size()) return true;
    connection.answered_bytes = 0;
    auto const generation = connection.generation;
    become_open(slot, now_ns);
    return is_current(slot, generation);
}

} // namespace load
