// SPDX-License-Identifier: BSL-1.0
#include "crowd.hpp"

#include "arrival.hpp"
#include "socket_call.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <exception>
#include <string>
#include <system_error>
#include <utility>

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>

namespace load {

namespace {

constexpr std::uint64_t wake_up_mark = ~std::uint64_t{0};
constexpr std::uint32_t opens_per_turn = 64;
constexpr std::uint32_t asks_per_turn = 16;

int checked(int result, char const* call) {
    if (result < 0) throw std::system_error(errno, std::generic_category(), call);
    return result;
}

} // namespace

crowd::crowd(options const& settings, work_share share, std::function<void()> notify)
    : settings_{settings},
      share_{share},
      notify_{std::move(notify)},
      connector_{settings, share.worker},
      request_{settings.path, settings.server.text, settings.fields},
      counted_{settings.counted},
      open_pacer_{share.of(settings.open_rate)},
      in_progress_max_{std::max(share.of(settings.concurrency), 1U)},
      members_(share.of(settings.connections)),
      steps_{{.members = static_cast<std::uint32_t>(members_.size())}},
      receive_buffer_(receive_buffer_bytes) {
    epoll_ = checked(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
    wake_up_ = checked(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd");
    epoll_event event{.events = EPOLLIN | EPOLLET, .data = {.u64 = wake_up_mark}};
    checked(::epoll_ctl(epoll_, EPOLL_CTL_ADD, wake_up_, &event), "epoll_ctl");
}

crowd::~crowd() {
    if (wake_up_ >= 0) ::close(wake_up_);
    if (epoll_ >= 0) ::close(epoll_);
}

void crowd::start() {
    thread_ = std::thread{&crowd::run, this};
}

void crowd::end() {
    ending_ = true;
    std::uint64_t const one = 1;
    [[maybe_unused]] auto const written = ::write(wake_up_, &one, sizeof one);
    thread_.join();
}

std::uint32_t crowd::messages_least() const {
    return std::ranges::min_element(members_, {}, &member::messages)->messages;
}

std::uint32_t crowd::messages_most() const {
    return std::ranges::max_element(members_, {}, &member::messages)->messages;
}

void crowd::run() {
    ::prctl(PR_SET_TIMERSLACK, 1UL);
    auto const cpu_before = cpu_time::of_this_thread();
    try {
        open_pacer_.start(now_ns());
        while (!ending_) {
            auto const open_at_ns = open_due(now_ns());
            auto const ask_at_ns = ask_again(now_ns());
            while (!wait(std::min(open_at_ns, ask_at_ns)) && !ending_) {
            }
        }
        if (settings_.closing != close_kind::none)
            for (auto const& one : members_)
                if (one.descriptor >= 0)
                    close_socket(one.descriptor, settings_.closing == close_kind::reset);
    } catch (std::exception const& error) {
        counts_.fail(error_kind::thread_failed, error.what());
        notify_();
    }
    counts_.cpu_while_running = cpu_time::of_this_thread() - cpu_before;
}

// ---------------------------------------------------------------- asking

std::int64_t crowd::open_due(std::int64_t now_ns) {
    for (std::uint32_t opens = 0; begun_ < members_.size() && !failed(); ++opens) {
        if (in_progress_ >= in_progress_max_) return never_ns;
        if (!open_pacer_.due(now_ns)) return open_pacer_.next_ns();
        if (opens == opens_per_turn) return now_ns;
        open_pacer_.take(now_ns);
        open_one();
    }
    return never_ns;
}

void crowd::open_one() {
    auto const index = begun_++;
    ++in_progress_;
    counts_.connects.add();
    auto const begun = connector_.begin();
    if (begun.error != 0)
        return lose(index, error_kind::connect_failed, std::strerror(begun.error));
    members_[index].descriptor = begun.descriptor;
    if (settings_.arrivals && !stamp_arrivals(begun.descriptor))
        return lose(index, error_kind::socket_failed, std::strerror(errno));
    epoll_event event{.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data = {.u64 = index}};
    if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, begun.descriptor, &event) != 0)
        return lose(index, error_kind::socket_failed, std::strerror(errno));
    ask(index); // on loopback the handshake is over already
}

void crowd::ask(std::uint32_t index) {
    auto& one = members_[index];
    auto const number = share_.worker + std::uint64_t{index} * share_.workers;
    auto const request =
        request_.render(number % settings_.channels, settings_.first_sequence + one.messages);
    auto const sent = send_some(one.descriptor, std::as_bytes(std::span{request}));
    if (sent < 0 && errno == EAGAIN && !one.asked) return; // not connected yet
    if (sent < 0) return lose_by_errno(index);
    if (static_cast<std::size_t>(sent) != request.size())
        return lose(index, error_kind::socket_failed, "a request did not fit into its socket");
    counts_.requests.add();
    one.asked = one.waits = true;
    if (!settings_.awaits_head) become_open(one);
}

void crowd::become_open(member& one) {
    if (std::exchange(one.open, true)) return;
    --in_progress_;
    counts_.opened.add();
    counts_.open_now.add();
    if (all_open()) notify_();
}

std::int64_t crowd::ask_again(std::int64_t now_ns) {
    while (!later_.empty() && later_.front().until_ns <= now_ns) {
        again_.push_back(later_.front().index);
        later_.pop_front();
    }
    for (std::uint32_t asks = 0; asks < asks_per_turn && !again_.empty(); ++asks) {
        auto const index = again_.front();
        again_.pop_front();
        if (members_[index].descriptor >= 0) ask(index);
    }
    if (!again_.empty()) return now_ns;
    return later_.empty() ? never_ns : later_.front().until_ns;
}

// ---------------------------------------------------------------- hearing

bool crowd::wait(std::int64_t until_ns) {
    std::array<epoll_event, events_max> events; // not cleared: 6 KiB for every turn
    auto const now = now_ns();
    // Who sleeps is woken at the sender's expense: that is not the server's to pay.
    if (now < awake_until_ns_) until_ns = now;
    auto const left_ns = std::max<std::int64_t>(until_ns == never_ns ? 0 : until_ns - now, 0);
    timespec const timeout{.tv_sec = static_cast<time_t>(left_ns / second_ns),
                           .tv_nsec = static_cast<long>(left_ns % second_ns)};
    auto const count = ::epoll_pwait2(epoll_, events.data(), events_max,
                                      until_ns == never_ns ? nullptr : &timeout, nullptr);
    if (count < 0 && errno != EINTR) checked(count, "epoll_pwait2");
    if (count > 0) awake_until_ns_ = now + settings_.spin.count();
    for (int position = 0; position < count; ++position) {
        auto const& event = events[static_cast<std::size_t>(position)];
        if (event.data.u64 != wake_up_mark)
            handle(static_cast<std::uint32_t>(event.data.u64), event.events);
    }
    return count < events_max;
}

void crowd::handle(std::uint32_t index, std::uint32_t events) {
    if (members_[index].descriptor < 0) return; // lost earlier in this batch
    constexpr auto ending = EPOLLRDHUP | EPOLLHUP | EPOLLERR;
    if ((events & (EPOLLIN | ending)) != 0) receive(index, (events & ending) != 0);
    auto const& one = members_[index];
    if (one.descriptor >= 0 && !one.asked && (events & EPOLLOUT) != 0) ask(index);
}

void crowd::receive(std::uint32_t index, bool until_end) {
    for (;;) {
        auto const received =
            settings_.arrivals
                ? receive_stamped(members_[index].descriptor, receive_buffer_, arrived_ns_)
                : receive_some(members_[index].descriptor, receive_buffer_);
        if (received < 0) {
            if (errno == EAGAIN) return;
            return lose_by_errno(index);
        }
        if (received == 0)
            return lose(index, error_kind::closed_by_server, "the end of the stream");
        bytes_ += static_cast<std::uint64_t>(received);
        auto const size = static_cast<std::size_t>(received);
        if (!take(index, {reinterpret_cast<char const*>(receive_buffer_.data()), size})) return;
        if (size < receive_buffer_.size() && !until_end) return;
    }
}

bool crowd::take(std::uint32_t index, std::string_view bytes) {
    auto& one = members_[index];
    try {
        while (!bytes.empty()) {
            if (!one.waits) {
                lose(index, error_kind::unasked_bytes, std::string{bytes.substr(0, 80)});
                return false;
            }
            auto const part = one.replies.take(bytes);
            bytes.remove_prefix(part.size);
            if (!one.open && one.replies.in_body()) become_open(one);
            if (!part.body.empty()) count_messages(one, counted_.count(part.body, one.found));
            if (part.ends) reply_ended(index);
        }
        return true;
    } catch (wrong_reply const& wrong) {
        lose(index, error_kind::wrong_reply, wrong.what());
        return false;
    }
}

void crowd::count_messages(member& one, std::uint32_t count) {
    if (count == 0) return;
    one.heard = true;
    messages_.add(count);
    auto const rounds_before = rounds_.load(std::memory_order_relaxed);
    auto const place = one.messages - rounds_before;
    one.messages += count;
    if (steps_.size() <= place + count) steps_.resize(place + count + 1);
    --steps_[place].members;
    ++steps_[place + count].members;
    for (auto had = place; had < place + count; ++had)
        steps_[had].last_arrival_ns = std::max(steps_[had].last_arrival_ns, arrived_ns_);
    if (place == 0 && steps_.front().members == 0) end_rounds();
}

void crowd::end_rounds() {
    auto rounds = rounds_.load(std::memory_order_relaxed);
    std::int64_t last_arrival_ns = 0;
    for (; steps_.front().members == 0; ++rounds) {
        last_arrival_ns = steps_.front().last_arrival_ns;
        steps_.pop_front();
    }
    auto const age_ns = settings_.arrivals ? since_1970_ns() - last_arrival_ns : 0;
    round_ended_ns_ = now_ns() - age_ns; // before the number: who sees that finds the time
    rounds_ = rounds;
    notify_();
}

void crowd::reply_ended(std::uint32_t index) {
    auto& one = members_[index];
    become_open(one);
    counts_.replies.add();
    one.waits = false;
    one.found = 0;
    if (std::exchange(one.heard, false)) return again_.push_back(index);
    ++silent_replies_;
    later_.push_back({index, now_ns() + settings_.retry.count()});
}

void crowd::lose_by_errno(std::uint32_t index) {
    auto const error = errno;
    auto const kind = error == ECONNREFUSED                   ? error_kind::connect_refused
                      : !members_[index].asked                ? error_kind::connect_failed
                      : error == ECONNRESET || error == EPIPE ? error_kind::reset_by_server
                                                              : error_kind::socket_failed;
    lose(index, kind, std::strerror(error));
}

void crowd::lose(std::uint32_t index, error_kind kind, std::string_view detail) {
    auto& one = members_[index];
    counts_.fail(kind, detail);
    if (!one.open) --in_progress_;
    if (one.open) counts_.open_now.set(counts_.open_now.get() - 1);
    one.open = true; // it will not be any more
    if (one.descriptor >= 0) close_socket(std::exchange(one.descriptor, -1), true);
    notify_();
}

} // namespace load
