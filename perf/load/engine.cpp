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

int checked(int result, char const* call) {
    if (result < 0) throw std::system_error(errno, std::generic_category(), call);
    return result;
}

echo_frame make_frame(options const& settings) {
    if (settings.codec == codec_kind::raw) return echo_frame{settings.size_bytes};
    return {make_head(settings.magic, settings.size_bytes, settings.command), settings.size_bytes};
}

} // namespace

engine::engine(options const& settings, work_share share, statistics& counts)
    : settings_{settings},
      share_{share},
      counts_{counts},
      table_{share.of(settings.connections)},
      connector_{settings, share.worker},
      frame_{make_frame(settings)},
      greeting_{settings},
      random_{settings.seed + share.worker},
      open_pacer_{share.of(settings.open_rate)},
      in_progress_max_{std::max(share.of(settings.concurrency), 1U)},
      ring_mask_{std::bit_ceil(settings.depth) - 1},
      receive_buffer_(receive_buffer_bytes),
      send_buffer_(send_buffer_bytes) {
    // Only mode echo has more than one request in flight; one needs no ring.
    if (settings.depth > 1) intended_ns_.resize(std::size_t{table_.capacity()} * (ring_mask_ + 1));
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
    auto& connection = table_[slot];
    if (connection.state == connection_state::connecting && !finish_connect(slot, events)) return;
    constexpr auto ending = EPOLLRDHUP | EPOLLHUP | EPOLLERR;
    if ((events & (EPOLLIN | ending)) != 0 && !receive(slot, (events & ending) != 0)) return;
    if (connection.sent != connection.asked && (events & EPOLLOUT) != 0) flush(slot);
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
        // A million of them would take seconds here; the kernel does it after our exit status.
        if (settings_.closing != close_kind::none) close(slot);
    }
}

} // namespace load
