// SPDX-License-Identifier: BSL-1.0
// A client's one timer. It is set to the earliest moment that anything waits for, and when it rings
// everything is looked at; what has come to its end meanwhile leaves the timer as it is. So a
// request costs the timer nothing as long as replies come.
#include <millipede/client/engine.hpp>

#include <algorithm>
#include <utility>

namespace millipede::detail {

class client_engine::heartbeat_request final : public exchange {
  public:
    heartbeat_request(std::vector<std::byte> message, message_kind answer, client_engine& owner)
        : exchange{std::move(message)}, owner_{&owner} {
        awaited = answer;
        of_user = false;
    }
    error_code complete(std::span<std::byte const>) override {
        owner_->heartbeat_asked_ = false;
        owner_->arm(owner_->heartbeat_moment()); // earlier than that of a missing answer
        return {};
    }
    void fail(error_code const&) override {}
    void on_cancel(std::function<void()>) override {}

  private:
    client_engine* owner_; // which owns this
};

class client_engine::heartbeat_answer final : public exchange {
  public:
    explicit heartbeat_answer(std::vector<std::byte> message) : exchange{std::move(message)} {
        of_user = false;
    }
    error_code complete(std::span<std::byte const>) override { return {}; }
    void fail(error_code const&) override {}
    void on_cancel(std::function<void()>) override {}
};

void client_engine::answer_heartbeat(std::span<std::byte const> question) {
    if (sent_ != output_.size()) return;
    hand_over(std::make_unique<heartbeat_answer>(
        std::vector<std::byte>{question.begin(), question.end()}));
}

void client_engine::arm(moment when) {
    if (when >= armed_) return;
    armed_ = when;
    timer_.expires_at(when);
    timer_.async_wait([self = weak_from_this()](error_code const& code) {
        auto engine = self.lock();
        if (!code && engine) engine->tick();
    });
}

void client_engine::tick() {
    armed_ = never;
    auto now = std::chrono::steady_clock::now();
    expire_waiting(now);
    auto overdue = [](exchange_pointer message) { message->fail(errc::request_timeout); };
    if (!outstanding_.expire(now, overdue)) {
        end(errc::request_timeout);
    } else if (state_ == client_state::connected) {
        if (!look_after_heartbeat(now)) end(errc::heartbeat_timeout);
    } else if (state_ == client_state::waiting) {
        if (now >= deadline_) begin_attempt();
    } else if (now >= deadline_) {
        end(errc::connect_timeout);
    } else if (state_ == client_state::connecting && now >= attempt_->deadline) {
        address_failed(errc::connect_timeout);
    }
    if (state_ != client_state::closed) arm(next_moment());
}

void client_engine::expire_waiting(moment now) {
    for (auto each = waiting_.begin(); each != waiting_.end();) {
        auto place = each++;
        if ((*place)->deadline <= now) take_waiting(place)->fail(errc::request_timeout);
    }
}

// The server must answer heartbeat_timeout after it was asked, or, when something else came since,
// be silent no longer than anybody.
moment client_engine::heartbeat_moment() const noexcept {
    if (limits_.heartbeat_interval.count() == 0) return never;
    auto asks = last_input_ + limits_.heartbeat_interval;
    if (!heartbeat_asked_) return asks;
    return std::max(heartbeat_at_, asks) + limits_.heartbeat_timeout;
}

bool client_engine::look_after_heartbeat(moment now) {
    if (now < heartbeat_moment()) return true;
    if (heartbeat_asked_) {
        // After a time in which this thread was held up, or the machine slept, the answer may lie
        // in the socket.
        error_code failure;
        if (socket_.available(failure) == 0) return false;
        last_input_ = now;
        return true;
    }
    message_kind answer = only_kind;
    auto bytes = heartbeat(answer);
    heartbeat_asked_ = true;
    heartbeat_at_ = now;
    hand_over(std::make_unique<heartbeat_request>(std::move(bytes), answer, *this));
    return true;
}

moment client_engine::next_moment() const noexcept {
    auto next = outstanding_.earliest();
    for (auto const& each : waiting_)
        next = std::min(next, each->deadline);
    if (state_ == client_state::connected) return std::min(next, heartbeat_moment());
    if (state_ == client_state::connecting) next = std::min(next, attempt_->deadline);
    return std::min(next, deadline_);
}

} // namespace millipede::detail
