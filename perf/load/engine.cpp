// SPDX-License-Identifier: BSL-1.0
#include "engine.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <string>
#include <system_error>

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

namespace load {

namespace {

constexpr std::uint64_t wake_up_mark = ~std::uint64_t{0};
// So many opens at a time, then a look at what came back.
constexpr std::uint32_t opens_per_turn = 64;

// A connection's key: the worker above, the worker's own running number below.
constexpr unsigned key_number_bits = 48;
constexpr std::uint64_t key_number_mask = (std::uint64_t{1} << key_number_bits) - 1;

int checked(int result, char const* call) {
    if (result < 0) throw std::system_error(errno, std::generic_category(), call);
    return result;
}

bool has_requests(run_mode mode) {
    return mode == run_mode::echo || mode == run_mode::churn;
}

std::string as_hex(std::span<std::byte const> bytes) {
    static constexpr char digits[] = "0123456789abcdef";
    std::string text;
    for (auto const byte : bytes.first(std::min<std::size_t>(bytes.size(), 8))) {
        text += digits[std::to_integer<unsigned>(byte) >> 4];
        text += digits[std::to_integer<unsigned>(byte) & 15];
    }
    return text;
}

} // namespace

engine::engine(options const& settings, work_share share, statistics& counts)
    : settings_{settings},
      share_{share},
      counts_{counts},
      table_{share.of(settings.connections)},
      connector_{settings, share.worker},
      frame_{settings.magic, settings.command, settings.size_bytes},
      login_reply_{make_head(settings.magic, login_reply_bytes, settings.login_command)},
      random_{settings.seed + share.worker},
      open_pacer_{share.of(settings.open_rate)},
      in_progress_max_{std::max(share.of(settings.concurrency), 1U)},
      ring_mask_{std::bit_ceil(settings.depth) - 1},
      receive_buffer_(receive_buffer_bytes),
      send_buffer_(send_buffer_bytes) {
    if (has_requests(settings.mode))
        intended_ns_.resize(std::size_t{table_.capacity()} * (ring_mask_ + 1));
    epoll_ = checked(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
    wake_up_ = checked(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd");
    epoll_event event{.events = EPOLLIN | EPOLLET, .data = {.u64 = wake_up_mark}};
    checked(::epoll_ctl(epoll_, EPOLL_CTL_ADD, wake_up_, &event), "epoll_ctl");
}

engine::~engine() {
    if (wake_up_ >= 0) ::close(wake_up_);
    if (epoll_ >= 0) ::close(epoll_);
}

void engine::wake() {
    std::uint64_t const one = 1;
    [[maybe_unused]] auto const written = ::write(wake_up_, &one, sizeof one);
}

void engine::want(std::uint64_t count, std::int64_t now_ns) {
    if (wanted_ == 0) open_pacer_.start(now_ns);
    wanted_ += count;
}

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
    connection.intended_open_ns = intended_ns;
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

// Sends the login; without one there is nothing to say.
void engine::start_conversation(std::uint32_t slot, bool connect_may_be_pending) {
    auto& connection = table_[slot];
    auto const number = (connection.key & key_number_mask) - 1;
    auto const uid = settings_.login_uid_base + share_.worker + number * share_.workers;
    auto const login = make_login(settings_.magic, settings_.login_command,
                                  static_cast<std::uint16_t>(uid & 0xffff));
    auto const sent = ::send(connection.descriptor, login.data(), login.size(), MSG_NOSIGNAL);
    if (sent == static_cast<ssize_t>(login.size())) {
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
    counts_.login_latency.record(now_ns - table_[slot].intended_open_ns);
    observer_->on_open(slot, now_ns);
}

void engine::wait(std::int64_t until_ns) {
    std::array<epoll_event, events_max> events; // not cleared: 6 KiB for every turn
    auto const left_ns = std::max<std::int64_t>(until_ns == never_ns ? 0 : until_ns - now_ns(), 0);
    timespec const timeout{.tv_sec = static_cast<time_t>(left_ns / second_ns),
                           .tv_nsec = static_cast<long>(left_ns % second_ns)};
    auto count = ::epoll_pwait2(epoll_, events.data(), events_max,
                                until_ns == never_ns ? nullptr : &timeout, nullptr);
    if (count < 0 && errno == ENOSYS) {
        auto const timeout_ms = static_cast<int>(std::min(left_ns / 1'000'000, second_ns));
        count =
            ::epoll_wait(epoll_, events.data(), events_max, until_ns == never_ns ? -1 : timeout_ms);
    }
    if (count < 0 && errno != EINTR) checked(count, "epoll_wait");
    for (int index = 0; index < count; ++index) {
        auto const& event = events[static_cast<std::size_t>(index)];
        if (event.data.u64 == wake_up_mark) {
            std::uint64_t ignored = 0;
            [[maybe_unused]] auto const bytes = ::read(wake_up_, &ignored, sizeof ignored);
            continue;
        }
        auto const slot = static_cast<std::uint32_t>(event.data.u64);
        // The slot may have been closed, and even used again, earlier in this batch.
        if (is_current(slot, static_cast<std::uint32_t>(event.data.u64 >> 32)))
            handle(slot, event.events);
    }
}

void engine::handle(std::uint32_t slot, std::uint32_t events) {
    auto const generation = table_[slot].generation;
    if (table_[slot].state == connection_state::connecting && !finish_connect(slot, events)) return;
    constexpr auto ending = EPOLLRDHUP | EPOLLHUP | EPOLLERR;
    if ((events & (EPOLLIN | ending)) != 0) receive(slot, (events & ending) != 0);
    if (!is_current(slot, generation) || (events & EPOLLOUT) == 0) return;
    auto const& connection = table_[slot];
    if (connection.sent != connection.asked) flush(slot);
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

void engine::receive(std::uint32_t slot, bool until_end) {
    auto const generation = table_[slot].generation;
    while (is_current(slot, generation)) {
        auto const received =
            ::recv(table_[slot].descriptor, receive_buffer_.data(), receive_buffer_.size(), 0);
        if (received == 0)
            return lose(slot, error_kind::closed_by_server, "end of stream from the server");
        if (received < 0) {
            if (errno == EINTR) continue;
            if (errno == EAGAIN) return;
            return lose_by_errno(slot, errno);
        }
        auto const bytes = static_cast<std::size_t>(received);
        consume(slot, std::span{receive_buffer_}.first(bytes));
        // A short read has drained the socket, and more to come is a new edge (epoll(7)).
        if (bytes < receive_buffer_.size() && !until_end) return;
    }
}

void engine::consume(std::uint32_t slot, std::span<std::byte const> bytes) {
    auto const generation = table_[slot].generation;
    auto const received_ns = now_ns();
    if (table_[slot].state == connection_state::login_pending)
        return consume_login_reply(slot, bytes, received_ns);
    auto const count = consume_echoes(slot, bytes, received_ns);
    if (count == 0 || !is_current(slot, generation)) return;
    observer_->on_replies(slot, count, received_ns);
    if (is_current(slot, generation)) flush(slot);
}

void engine::consume_login_reply(std::uint32_t slot, std::span<std::byte const> bytes,
                                 std::int64_t now_ns) {
    auto& connection = table_[slot];
    auto const part = bytes.first(
        std::min<std::size_t>(bytes.size(), login_reply_bytes - connection.answered_bytes));
    auto const expected = std::span{login_reply_}.subspan(connection.answered_bytes);
    if (!std::ranges::equal(part, expected.first(part.size())))
        return lose(slot, error_kind::wrong_login_reply,
                    "expected " + as_hex(expected) + ", got " + as_hex(bytes));
    // Echoes are asked for only after this reply: whatever follows it at once is surplus.
    if (part.size() < bytes.size())
        return lose(slot, error_kind::unasked_bytes,
                    "after the login reply came " + as_hex(bytes.subspan(part.size())));
    connection.answered_bytes = static_cast<std::uint16_t>(connection.answered_bytes + part.size());
    if (connection.answered_bytes < login_reply_bytes) return;
    connection.answered_bytes = 0;
    become_open(slot, now_ns);
}

// Returns how many replies became complete.
std::uint32_t engine::consume_echoes(std::uint32_t slot, std::span<std::byte const> bytes,
                                     std::int64_t now_ns) {
    auto& connection = table_[slot];
    auto const ring = intended_ns_.data() + std::size_t{slot} * (ring_mask_ + 1);
    std::uint32_t count = 0;
    while (!bytes.empty()) {
        if (connection.answered == connection.sent) {
            lose(slot, error_kind::unasked_bytes, "nothing was asked, got " + as_hex(bytes));
            return 0;
        }
        auto const part = bytes.first(
            std::min<std::size_t>(bytes.size(), frame_.size_bytes() - connection.answered_bytes));
        auto const right =
            frame_.mismatch(connection.key, connection.answered, connection.answered_bytes, part);
        if (right < part.size()) {
            lose(slot, error_kind::wrong_reply,
                 "reply " + std::to_string(connection.answered) +
                     " of a connection differs at byte " +
                     std::to_string(connection.answered_bytes + right) + ": " +
                     as_hex(part.subspan(right)));
            return 0;
        }
        bytes = bytes.subspan(part.size());
        connection.answered_bytes =
            static_cast<std::uint16_t>(connection.answered_bytes + part.size());
        if (connection.answered_bytes < frame_.size_bytes()) break;
        connection.answered_bytes = 0;
        counts_.echo_latency.record(now_ns - ring[connection.answered & ring_mask_]);
        ++connection.answered;
        ++count;
    }
    outstanding_ -= count;
    counts_.replies.add(count);
    return count;
}

void engine::ask(std::uint32_t slot, std::int64_t intended_ns) {
    auto& connection = table_[slot];
    auto const ring = intended_ns_.data() + std::size_t{slot} * (ring_mask_ + 1);
    ring[connection.asked++ & ring_mask_] = intended_ns;
    ++outstanding_;
    counts_.requests.add();
}

std::size_t engine::fill_send_buffer(connection const& connection) {
    std::size_t filled = 0;
    std::size_t offset = connection.sent_bytes;
    for (auto sequence = connection.sent; sequence != connection.asked; ++sequence) {
        if (filled + frame_.size_bytes() - offset > send_buffer_.size()) break;
        filled += frame_.write(connection.key, sequence, offset, send_buffer_.data() + filled);
        offset = 0;
    }
    return filled;
}

void engine::advance(connection& connection, std::size_t bytes) {
    auto const total = connection.sent_bytes + bytes;
    connection.sent += static_cast<std::uint32_t>(total / frame_.size_bytes());
    connection.sent_bytes = static_cast<std::uint16_t>(total % frame_.size_bytes());
}

void engine::flush(std::uint32_t slot) {
    auto& connection = table_[slot];
    while (connection.sent != connection.asked) {
        auto const filled = fill_send_buffer(connection);
        auto const sent = ::send(connection.descriptor, send_buffer_.data(), filled, MSG_NOSIGNAL);
        if (sent < 0) {
            if (errno != EAGAIN) lose_by_errno(slot, errno);
            return;
        }
        advance(connection, static_cast<std::size_t>(sent));
        if (static_cast<std::size_t>(sent) < filled) return; // the rest at the next edge
    }
}

void engine::lose_by_errno(std::uint32_t slot, int error) {
    auto const connecting = table_[slot].state == connection_state::connecting;
    auto const kind = error == ECONNREFUSED                   ? error_kind::connect_refused
                      : connecting                            ? error_kind::connect_failed
                      : error == ECONNRESET || error == EPIPE ? error_kind::reset_by_server
                                                              : error_kind::socket_failed;
    lose(slot, kind, std::strerror(error));
}

void engine::lose(std::uint32_t slot, error_kind kind, std::string_view detail) {
    static constexpr std::array<std::string_view, 4> stages{
        "closed", "while connecting", "before the login was answered", "on an open connection"};
    auto const& connection = table_[slot];
    auto const stage = stages[static_cast<std::size_t>(connection.state)];
    counts_.fail(kind, std::string{detail} + ", " + std::string{stage});
    outstanding_ -= in_flight(connection);
    release(slot, true);
}

void engine::close(std::uint32_t slot) {
    auto const& connection = table_[slot];
    outstanding_ -= in_flight(connection);
    counts_.abandoned.add(in_flight(connection));
    counts_.closed.add();
    release(slot, settings_.closing == close_kind::reset ||
                      (settings_.closing == close_kind::mixed && random_.below(2) == 0));
}

void engine::release(std::uint32_t slot, bool reset) {
    if (table_[slot].state != connection_state::open) --in_progress_;
    close_socket(table_[slot].descriptor, reset);
    table_.give_back(slot);
    counts_.open_now.set(table_.open_count());
}

void engine::close_all(bool unanswered_is_error) {
    if (unanswered_is_error && wanted_ > 0)
        counts_.fail(error_kind::connection_unopened, "no time was left to open it", wanted_);
    wanted_ = 0;
    for (std::uint32_t slot = 0; slot < table_.capacity(); ++slot) {
        auto const& connection = table_[slot];
        if (connection.state == connection_state::closed) continue;
        auto const owed = in_flight(connection);
        if (connection.state != connection_state::open) {
            if (unanswered_is_error)
                counts_.fail(error_kind::login_unanswered,
                             "neither a reply nor a close when the wait was over");
            release(slot, true);
            continue;
        }
        if (owed > 0 && unanswered_is_error)
            counts_.fail(error_kind::request_unanswered, "no echo when the wait was over", owed);
        close(slot);
    }
}

} // namespace load
