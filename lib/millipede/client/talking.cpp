// SPDX-License-Identifier: BSL-1.0
// What a client does with a connection: sends, reads, tells replies from pushes.
#include <millipede/client/engine.hpp>

#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>

#include <array>
#include <utility>

namespace millipede::detail {

using boost::asio::ip::tcp;

namespace {

// An idle client keeps no buffer: those of one thread share one, which is lent for the time of a
// read. A handler that runs the io_context from within gets another one.
class scratch_loan {
  public:
    static constexpr std::size_t bytes = 16 * 1024;

    scratch_loan() : room_{std::move(spare())} {
        if (!room_) room_ = std::make_unique<room_type>();
    }
    ~scratch_loan() { spare() = std::move(room_); }
    scratch_loan(scratch_loan const&) = delete;
    scratch_loan& operator=(scratch_loan const&) = delete;

    std::span<std::byte> room() noexcept { return *room_; }

  private:
    using room_type = std::array<std::byte, bytes>;
    static std::unique_ptr<room_type>& spare() noexcept {
        thread_local std::unique_ptr<room_type> instance;
        return instance;
    }
    std::unique_ptr<room_type> room_;
};

// A server that sends without end must leave the others on the executor their turn.
constexpr int reads_per_turn_max = 8;

} // namespace

stream_step client_engine::read_some(std::span<std::byte> room) {
    if (tls_) return tls_->read(room);
    error_code code;
    auto size = socket_.read_some(boost::asio::buffer(room.data(), room.size()), code);
    if (code == boost::asio::error::would_block) return {.awaits = readiness_for::input};
    return {.size = size, .code = code};
}

stream_step client_engine::write_some(std::span<std::byte const> bytes) {
    if (tls_) return tls_->write(bytes);
    error_code code;
    auto size = socket_.write_some(boost::asio::buffer(bytes.data(), bytes.size()), code);
    if (code == boost::asio::error::would_block) return {.awaits = readiness_for::output};
    return {.size = size, .code = code};
}

// Calls `f()` when the socket is ready, unless the connection is another one by then.
template <class F>
void client_engine::when_ready(readiness_for what, F f) {
    auto direction =
        what == readiness_for::input ? tcp::socket::wait_read : tcp::socket::wait_write;
    socket_.async_wait(direction, [self = shared_from_this(), number = number_,
                                   f](error_code const& code) mutable {
        if (!self->current(number)) return;
        if (code) return self->end(code);
        f(*self);
    });
}

void client_engine::hand_over(exchange_pointer message) {
    output_.insert(output_.end(), message->bytes.begin(), message->bytes.end());
    message->bytes = {};
    if (message->awaited) {
        auto deadline = message->deadline;
        auto kind = *message->awaited;
        auto patience = message->patience;
        outstanding_.add(kind, deadline, patience, std::move(message));
        arm(deadline);
    } else {
        sending_.push_back({output_begin_ + output_.size(), std::move(message)});
    }
    schedule_flush();
}

// Posted, so that what one handler asks for leaves in one write.
void client_engine::schedule_flush() {
    if (output_waits_ || std::exchange(flush_scheduled_, true)) return;
    boost::asio::post(executor_, [self = shared_from_this(), number = number_] {
        if (!self->current(number)) return;
        self->flush_scheduled_ = false;
        self->flush();
    });
}

void client_engine::flush() {
    output_waits_ = false;
    while (sent_ < output_.size()) {
        auto step = write_some(std::span{output_}.subspan(sent_));
        // What the server has said before it left is worth more than that it has left: it is read
        // until its end, and then the connection is over.
        if (step.code.category() == boost::system::system_category() && step.code) return;
        if (step.code) return end(step.code);
        sent_ += step.size;
        flushed();
        if (step.awaits == readiness_for::nothing) continue;
        output_waits_ = true;
        return when_ready(step.awaits, [](client_engine& self) { self.flush(); });
    }
    output_begin_ += output_.size();
    output_ = {}; // an idle client keeps no buffer
    sent_ = 0;
}

// Completes what has been sent.
void client_engine::flushed() {
    while (!sending_.empty() && sending_.front().end <= output_begin_ + sent_) {
        auto message = std::move(sending_.front().message);
        sending_.pop_front();
        message->complete({});
    }
    if (sent_ < output_.size() / 2) return;
    output_begin_ += sent_; // so that what is sent does not heap up before what waits
    output_.erase(output_.begin(), output_.begin() + static_cast<std::ptrdiff_t>(sent_));
    sent_ = 0;
}

void client_engine::wait_for_input(readiness_for what) {
    when_ready(what, [](client_engine& self) { self.read(); });
}

void client_engine::read() {
    scratch_loan scratch;
    auto number = number_;
    for (int turn = 0; turn < reads_per_turn_max; ++turn) {
        auto step = read_some(scratch.room());
        if (step.awaits != readiness_for::nothing) return wait_for_input(step.awaits);
        if (step.code == boost::asio::error::eof)
            return end(input_.empty() ? errc::closed_by_peer : errc::stream_truncated);
        if (step.code) return end(step.code);
        if (limits_.heartbeat_interval.count() != 0) last_input_ = std::chrono::steady_clock::now();
        if (!consume(scratch.room().first(step.size))) return;
        // A short read has drained a socket; OpenSSL may hold more.
        if (!tls_ && step.size < scratch_loan::bytes) return wait_for_input(readiness_for::input);
    }
    boost::asio::post(executor_, [self = shared_from_this(), number] {
        if (self->current(number)) self->read();
    });
}

// Handles every whole message and keeps the rest. \returns false when the connection is over.
bool client_engine::consume(std::span<std::byte const> bytes) {
    std::size_t used = 0;
    if (input_.empty()) {
        if (!parse(bytes, used)) return false;
        auto rest = bytes.subspan(used);
        input_.assign(rest.begin(), rest.end());
        return true;
    }
    input_.insert(input_.end(), bytes.begin(), bytes.end());
    if (input_.size() < input_needed_) return true;
    // A handler may end the connection while its message stands here.
    auto input = std::exchange(input_, {});
    if (!parse(input, used)) return false;
    if (used == input.size()) return true;
    input.erase(input.begin(), input.begin() + static_cast<std::ptrdiff_t>(used));
    input_ = std::move(input);
    return true;
}

bool client_engine::parse(std::span<std::byte const> input, std::size_t& used) {
    using status = decode_result::status;
    auto number = number_;
    while (used < input.size()) {
        auto rest = input.subspan(used);
        message_kind kind = only_kind;
        auto found = cut(rest, kind);
        switch (found.found) {
        case status::complete:
            used += found.size;
            handle_message(rest.first(found.size), kind);
            if (!current(number)) return false;
            break;
        case status::skipped:
            used += found.size;
            break;
        case status::incomplete:
            input_needed_ = found.size;
            if (rest.size() <= message_size_max()) return true;
            end(errc::bad_size);
            return false;
        case status::refused:
            end(found.why);
            return false;
        }
    }
    input_needed_ = 0;
    return true;
}

void client_engine::handle_message(std::span<std::byte const> whole, message_kind kind) {
    if (auto place = outstanding_.take(kind)) {
        if (!*place) return; // the late reply to a request that was given up
        if (auto refusal = (*place)->complete(whole)) end(refusal);
        return;
    }
    auto number = number_;
    bool handled = false;
    try {
        handled = handle(whole, kind);
    } catch (...) {
        // It goes on to whoever runs the executor; a client that went on as well would have lost
        // the rest of its input.
        if (current(number)) end(errc::handler_failed);
        throw;
    }
    if (!handled) keep(whole);
}

} // namespace millipede::detail
