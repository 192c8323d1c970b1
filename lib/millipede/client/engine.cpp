// SPDX-License-Identifier: BSL-1.0
#include <millipede/client/engine.hpp>

#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <random>
#include <stdexcept>
#include <utility>

namespace millipede {

char const* to_string(client_state state) noexcept {
    switch (state) {
    case client_state::closed:
        return "closed";
    case client_state::connecting:
        return "connecting";
    case client_state::opening:
        return "opening";
    case client_state::connected:
        return "connected";
    case client_state::waiting:
        return "waiting";
    }
    return "unknown";
}

namespace detail {
namespace {

constexpr std::size_t bytes_per_message = 64; // what each takes beside its bytes, as in the server

// One per thread: a generator per client would be larger than the client.
std::mt19937_64& random_source() {
    thread_local std::mt19937_64 source{std::random_device{}()};
    return source;
}

} // namespace

client_engine::client_engine(executor_type executor, client_options wanted)
    : executor_{std::move(executor)},
      limits_{validated(std::move(wanted))},
      socket_{executor_},
      timer_{executor_} {}

void client_engine::require_closed(char const* what) const {
    if (state_ != client_state::closed)
        throw std::logic_error{std::string{what} + " comes before async_connect()"};
}

boost::asio::ip::tcp::endpoint client_engine::remote_endpoint(error_code& code) const {
    return socket_.remote_endpoint(code);
}

// Posted: whoever is told may close the client, which nothing here would have to expect.
void client_engine::change_state(client_state next, error_code const& why) {
    if (next == state_) return;
    state_ = next;
    if (!on_state) return;
    boost::asio::post(executor_, [self = shared_from_this(), next, why] {
        if (!self->abandoned_) self->on_state(next, why);
    });
}

void client_engine::submit(exchange_pointer message, number_type connection) {
    bool belongs = connection != 0;
    bool refused = belongs ? !current(connection) : state_ == client_state::closed;
    if (refused) return message->fail(boost::asio::error::not_connected);
    auto unsent = unsent_bytes();
    if (unsent != 0 &&
        unsent + message->bytes.size() + bytes_per_message > limits_.output_max_bytes)
        return message->fail(errc::output_full);
    if (message->awaits_reply() && requests() >= limits_.requests_max)
        return message->fail(errc::requests_full);
    message->on_cancel([self = weak_from_this(), wanted = message.get()] {
        if (auto engine = self.lock()) engine->cancel_exchange(wanted);
    });
    if (belongs || state_ == client_state::connected) return hand_over(std::move(message));
    waiting_bytes_ += message->bytes.size() + bytes_per_message;
    waiting_requests_ += message->awaits_reply() ? 1U : 0U;
    auto deadline = message->deadline;
    waiting_.push_back(std::move(message));
    arm(deadline);
}

client_engine::exchange_pointer
client_engine::take_waiting(std::list<exchange_pointer>::iterator place) {
    auto message = std::move(*place);
    waiting_.erase(place);
    waiting_bytes_ -= message->bytes.size() + bytes_per_message;
    waiting_requests_ -= message->awaits_reply() ? 1U : 0U;
    return message;
}

// The bytes of a message that was handed over leave all the same.
void client_engine::cancel_exchange(exchange const* wanted) {
    error_code const cancelled = boost::asio::error::operation_aborted;
    for (auto each = waiting_.begin(); each != waiting_.end(); ++each)
        if (each->get() == wanted) return take_waiting(each)->fail(cancelled);
    for (auto each = sending_.begin(); each != sending_.end(); ++each) {
        if (each->message.get() != wanted) continue;
        auto message = std::move(each->message);
        sending_.erase(each);
        return message->fail(cancelled);
    }
    auto is_wanted = [wanted](exchange const& each) { return &each == wanted; };
    if (auto message = outstanding_.give_up(is_wanted)) message->fail(cancelled);
}

void client_engine::receive(std::unique_ptr<receiver> next) {
    if (!received_.empty()) {
        auto message = std::move(received_.front());
        received_.pop_front();
        received_bytes_ -= message.size() + bytes_per_message;
        return next->deliver(std::move(message));
    }
    if (state_ == client_state::closed) return next->fail(boost::asio::error::not_connected);
    receivers_.push_back(std::move(next));
}

void client_engine::give_up(receiver const& waiting) {
    for (auto each = receivers_.begin(); each != receivers_.end(); ++each) {
        if (each->get() != &waiting) continue;
        auto found = std::move(*each);
        receivers_.erase(each);
        return found->fail(boost::asio::error::operation_aborted);
    }
}

void client_engine::keep(std::span<std::byte const> whole) {
    if (!receivers_.empty()) {
        auto next = std::move(receivers_.front());
        receivers_.pop_front();
        return next->deliver(payload{whole});
    }
    auto size = whole.size() + bytes_per_message;
    if (!received_.empty() && received_bytes_ + size > limits_.input_max_bytes)
        return end(errc::input_full);
    received_.push_back(payload{whole});
    received_bytes_ += size;
}

void client_engine::cancel() {
    error_code const cancelled = boost::asio::error::operation_aborted;
    if (connect_done_) return finish(cancelled);
    while (!waiting_.empty())
        take_waiting(waiting_.begin())->fail(cancelled);
    for (auto& each : std::exchange(sending_, {}))
        each.message->fail(cancelled);
    while (auto message = outstanding_.give_up([](exchange const& each) { return each.of_user; }))
        message->fail(cancelled);
    for (auto& each : std::exchange(receivers_, {}))
        each->fail(cancelled);
}

void client_engine::close() {
    if (state_ != client_state::closed) finish(boost::asio::error::operation_aborted);
    received_.clear();
    received_bytes_ = 0;
}

void client_engine::abandon() {
    abandoned_ = true;
    close();
}

void client_engine::come_back_after(std::chrono::milliseconds pause) {
    if (!limits_.reconnect) return;
    auto zero = std::chrono::milliseconds{0};
    come_back_at_ = std::chrono::steady_clock::now() +
                    std::clamp(pause, zero, limits_.reconnect->come_back_max);
}

bool client_engine::comes_back() const noexcept {
    if (!limits_.reconnect) return false;
    if (!came_through_ && !limits_.reconnect->from_the_start) return false;
    auto most = limits_.reconnect->attempts_max;
    return most == 0 || failed_attempts_ < most;
}

// The connection, or the attempt to have one, is over.
void client_engine::end(error_code const& why) {
    auto now = std::chrono::steady_clock::now();
    if (state_ == client_state::connected && limits_.reconnect &&
        now - connected_at_ >= limits_.reconnect->cap)
        backoff_.succeed();
    if (state_ != client_state::connected) ++failed_attempts_;
    if (!comes_back()) return finish(why);
    drop_connection(why);
    wait_to_come_back(why);
}

void client_engine::wait_to_come_back(error_code const& why) {
    auto now = std::chrono::steady_clock::now();
    auto asked_for = std::exchange(come_back_at_, std::nullopt);
    // The server has drawn a time for each of its clients: no jitter on top of that.
    deadline_ = asked_for ? *asked_for : now + backoff_.next(*limits_.reconnect, random_source());
    change_state(client_state::waiting, why);
    arm(deadline_);
}

// What was handed to a connection ends with it: whether the server has seen it, nobody knows.
void client_engine::drop_connection(error_code const& why) {
    ++number_;
    give_up_attempt();
    if (tls_) tls_->say_end();
    tls_.reset();
    error_code ignored;
    socket_.close(ignored);
    flush_scheduled_ = output_waits_ = heartbeat_asked_ = false;
    input_ = {};
    input_needed_ = 0;
    output_ = {};
    sent_ = 0;
    output_begin_ = 0;
    for (auto& each : std::exchange(sending_, {}))
        each.message->fail(why);
    for (auto& each : outstanding_.take_all())
        each->fail(why);
}

// The client is over, until the next connect().
void client_engine::finish(error_code const& why) {
    drop_connection(why);
    attempt_.reset();
    come_back_at_.reset();
    timer_.cancel();
    armed_ = deadline_ = never;
    while (!waiting_.empty())
        take_waiting(waiting_.begin())->fail(why);
    for (auto& each : std::exchange(receivers_, {}))
        each->fail(why);
    change_state(client_state::closed, why);
    if (connect_done_) std::exchange(connect_done_, {})(why);
}

} // namespace detail
} // namespace millipede
