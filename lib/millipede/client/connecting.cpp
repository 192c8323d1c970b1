// SPDX-License-Identifier: BSL-1.0
// How a client comes to a connection.
#include <millipede/client/engine.hpp>

#include <boost/asio/error.hpp>

#include <utility>

namespace millipede::detail {

using boost::asio::ip::tcp;
using std::chrono::steady_clock;

void client_engine::connect(client_target target, client_completion<> done) {
    if (state_ != client_state::closed) return done(boost::asio::error::already_open);
    if (message_kind answer{}; limits_.heartbeat_interval.count() != 0 && heartbeat(answer).empty())
        return done(boost::asio::error::invalid_argument);
    connect_done_ = std::move(done);
    connect_done_.on_cancel([self = weak_from_this()] {
        auto engine = self.lock();
        if (engine && engine->connect_done_) engine->cancel();
    });
    attempt_ = std::make_unique<attempt>();
    attempt_->target = std::move(target);
    backoff_.succeed();
    failed_attempts_ = 0;
    came_through_ = false;
    begin_attempt();
}

void client_engine::begin_attempt() {
    ++number_;
    change_state(client_state::connecting);
    deadline_ = steady_clock::now() + limits_.connect_timeout;
    attempt_->next = 0;
    attempt_->deadline = deadline_;
    arm(deadline_);
    attempt_->endpoints = attempt_->target.endpoints;
    if (attempt_->target.host.empty()) return try_next_address();
    resolve();
}

// A look-up cannot be broken off: when the time is over the client goes on without its result, but
// an io_context that runs until it has no work runs until the system's resolver has answered.
void client_engine::resolve() {
    attempt_->resolver = std::make_unique<tcp::resolver>(executor_);
    attempt_->resolver->async_resolve(
        attempt_->target.host, attempt_->target.service,
        [self = shared_from_this(), number = number_](error_code const& code,
                                                      tcp::resolver::results_type const& found) {
            if (!self->current(number)) return;
            self->attempt_->resolver.reset();
            if (code) return self->end(code);
            for (auto const& each : found)
                self->attempt_->endpoints.push_back(each.endpoint());
            self->try_next_address();
        });
}

void client_engine::try_next_address() {
    ++number_;
    if (attempt_->endpoints.empty()) return end(boost::asio::error::host_not_found);
    auto now = steady_clock::now();
    auto left = static_cast<steady_clock::rep>(attempt_->endpoints.size() - attempt_->next);
    attempt_->deadline = left == 1 ? deadline_ : now + (deadline_ - now) / left;
    arm(attempt_->deadline);
    auto const& endpoint = attempt_->endpoints[attempt_->next++];
    error_code code;
    socket_.close(code);
    socket_.open(endpoint.protocol(), code);
    if (!code && limits_.tcp_no_delay) socket_.set_option(tcp::no_delay{true}, code);
    if (!code) socket_.non_blocking(true, code);
    if (code) return address_failed(code);
    socket_.async_connect(endpoint,
                          [self = shared_from_this(), number = number_](error_code const& failure) {
                              if (!self->current(number)) return;
                              if (failure) return self->address_failed(failure);
                              self->address_connected();
                          });
}

void client_engine::address_failed(error_code const& why) {
    tls_.reset();
    bool last = attempt_->next == attempt_->endpoints.size();
    if (last || steady_clock::now() >= deadline_) return end(why);
    try_next_address();
}

void client_engine::address_connected() {
    if (!limits_.tls) return established();
    auto const& host = attempt_->target.host;
    auto name = host.empty() ? attempt_->endpoints[attempt_->next - 1].address().to_string() : host;
    tls_ = std::make_unique<tls_session>(*limits_.tls, socket_.native_handle(), name);
    shake_hands();
}

void client_engine::shake_hands() {
    auto step = tls_->handshake();
    if (step.code) return address_failed(step.code);
    if (step.awaits == readiness_for::nothing) return established();
    auto direction =
        step.awaits == readiness_for::input ? tcp::socket::wait_read : tcp::socket::wait_write;
    socket_.async_wait(direction,
                       [self = shared_from_this(), number = number_](error_code const& code) {
                           if (!self->current(number)) return;
                           if (code) return self->address_failed(code);
                           self->shake_hands();
                       });
}

void client_engine::established() {
    attempt_->endpoints = {};
    attempt_->deadline = deadline_;
    last_input_ = steady_clock::now();
    change_state(client_state::opening);
    if (tls_)
        read(); // what came with the last of the handshake no longer waits in the socket
    else
        wait_for_input(readiness_for::input);
    if (state_ != client_state::opening) return;
    if (!on_connected) return opened();
    on_connected(number_, [self = shared_from_this(), number = number_](error_code const& code) {
        if (!self->current(number)) return;
        if (code) return self->end(code);
        self->opened();
    });
}

void client_engine::opened() {
    came_through_ = true;
    failed_attempts_ = 0;
    connected_at_ = steady_clock::now();
    deadline_ = never;
    change_state(client_state::connected);
    if (connect_done_) std::exchange(connect_done_, {})({});
    while (!waiting_.empty())
        hand_over(take_waiting(waiting_.begin()));
    arm(heartbeat_moment());
}

void client_engine::give_up_attempt() {
    if (!attempt_) return;
    attempt_->endpoints = {};
    if (auto resolver = std::move(attempt_->resolver)) resolver->cancel();
}

} // namespace millipede::detail
