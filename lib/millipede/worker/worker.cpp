// SPDX-License-Identifier: BSL-1.0
#include <millipede/worker/worker.hpp>

#include <millipede/worker/connection.hpp>
#include <millipede/worker/protocol.hpp>
#include <millipede/worker/ticks.hpp>

#include <boost/asio/post.hpp>

#include <pthread.h>

#include <algorithm>
#include <string>
#include <utility>

namespace millipede::detail {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

thread_local worker* current_worker = nullptr;

// So many connections are expired at a time, before others have their turn.
constexpr std::uint32_t slice = 1'024;

std::size_t largest_session(std::span<protocol* const> protocols) {
    std::size_t largest = 0;
    for (auto* speaker : protocols)
        largest = std::max(largest, speaker->session_bytes());
    return largest;
}

// Workers, and servers that end together, are not to spread their clients alike.
std::uint32_t seed_of(std::uint32_t index) {
    auto now = std::chrono::steady_clock::now().time_since_epoch().count();
    return static_cast<std::uint32_t>(now) + index * 0x9e3779b9U;
}

// Whoever sets no write timeout gets the idle timeout: a blocked connection is not read.
std::chrono::milliseconds blocked_timeout(options const& limits) {
    return limits.write_timeout > 0ms ? limits.write_timeout : limits.idle_timeout;
}

} // namespace

worker::worker(std::uint32_t index, options const& limits, std::span<protocol* const> protocols,
               std::span<greeting const> greetings, output_budget* all_output)
    : index_{index},
      limits_{&limits},
      protocols_{protocols},
      greetings_{greetings},
      pool_{index, limits.connections_per_worker, largest_session(protocols),
            limits.buffer_budget_bytes, slot_appendix{limits}},
      output_{pool_, ready_, counters_, limits},
      input_{pool_, counters_, limits},
      incoming_{limits.handoff_capacity},
      all_output_{all_output},
      broadcast_room_{limits.broadcast_capacity},
      mailbox_{limits.mailbox_capacity},
      message_rate_{limits.messages_per_second, limits.messages_burst},
      byte_rate_{limits.bytes_per_second, limits.bytes_burst},
      notes_input_{limits.first_message_timeout > 0ms || limits.message_timeout > 0ms ||
                   message_rate_.on() || byte_rate_.on()},
      tick_length_{tick_length_for(limits)},
      dice_{seed_of(index)} {
    // The acceptor hands over no more than there are slots.
    if (limits.connections_per_source_max != 0) departed_.emplace(limits.connections_per_worker);
    count_output();
}

worker::~worker() {
    join();
    accepted_socket socket;
    while (incoming_.take(socket))
        socket_close(socket.descriptor, false);
    cut_all();
}

worker* worker::current() noexcept {
    return current_worker;
}

error_code worker::post(std::unique_ptr<mail> request) {
    if (!running_.load(std::memory_order_acquire)) return errc::not_running;
    switch (mailbox_.post(std::move(request))) {
    case mailbox::posted::full:
        return errc::mailbox_full;
    case mailbox::posted::must_wake:
        asio::post(context_, [this] { take_mail(); });
        break;
    case mailbox::posted::quietly:
        break;
    }
    return {};
}

void worker::wake() {
    if (incoming_.must_wake()) asio::post(context_, [this] { take_incoming(); });
}

void worker::start(std::function<void()> on_ended) {
    on_ended_ = std::move(on_ended);
    running_.store(true, std::memory_order_release);
    thread_ = std::thread{[this] { run(); }};
}

void worker::join() {
    if (thread_.joinable()) thread_.join();
}

void worker::run() {
    ::pthread_setname_np(::pthread_self(), ("worker-" + std::to_string(index_)).c_str());
    begin();
    // What escapes comes from a handler that the user gave to the executor: the loop goes on.
    for (bool ended = false; !ended;) {
        try {
            context_.run();
            ended = true;
        } catch (std::exception const& failure) {
            posted_handler_failed(failure.what());
        } catch (...) {
            posted_handler_failed("not a std::exception");
        }
    }
    running_.store(false, std::memory_order_release);
    log_suppressed(refusals_.remaining(), failures_.remaining());
    log_overflows(overflows_.remaining());
    log_suppressed_greetings(failed_greetings_.remaining());
    if (on_ended_) on_ended_();
}

void worker::posted_handler_failed(std::string_view what) noexcept {
    in_turn_ = false;
    ++counters_.callback_failures;
    try {
        log(error) << "worker " << index_ << ": a posted handler failed: " << what;
    } catch (...) {
        // The counter tells.
    }
}

void worker::begin() {
    current_worker = this;
    running_.store(true, std::memory_order_release);
    schedule_tick();
    wait_for_readiness();
}

void worker::take_incoming() {
    incoming_.begin_taking(); // before the first take: what comes later wakes again
    in_turn_ = true;
    accepted_socket socket;
    while (incoming_.take(socket)) {
        if (stopping_) {
            released(socket.source);
            socket_close(socket.descriptor, false);
        } else {
            adopt(socket);
        }
    }
    end_turn();
}

void worker::take_mail() {
    in_turn_ = true;
    mailbox_.take_all([this](mail& request) {
        try {
            request.run(*this);
        } catch (std::exception const& failure) {
            posted_handler_failed(failure.what());
        }
    });
    end_turn();
}

error_code worker::send(connection_id id, payload message, overflow_policy policy) {
    auto* record = pool_.find(id);
    if (!record) {
        ++counters_.stale_requests;
        return errc::stale_connection;
    }
    bool taken = output_.send(*record, std::move(message), policy);
    if (!in_turn_ && !std::exchange(settle_posted_, true))
        asio::post(context_, [this] {
            settle_posted_ = false;
            settle();
        });
    return taken ? error_code{} : errc::output_full;
}

// The worker is done with a socket, connection or not.
void worker::released(source_key source) noexcept {
    if (departed_ && source.known()) departed_->push(source); // before the room is to be seen
    ++counters_.released;
}

void worker::answer(connection_id id, payload message, error_code failure) {
    auto ends = owed_.settle(id);
    auto* record = pool_.find(id);
    if (!record) {
        if (!message.empty()) ++counters_.stale_requests;
        return;
    }
    try {
        if (!message.empty()) output_.send(*record, std::move(message));
    } catch (std::bad_alloc const&) {
        output_.request_close(*record, errc::no_memory);
    }
    if (failure) output_.request_close(*record, failure);
    if (!ends || record->is(connection_record::close_requested)) return; // closed in this turn
    if (ends == errc::stopping)
        finish_conversation(*record);
    else
        close(*record, ends);
}

connection_record* worker::adopt(accepted_socket socket) {
    if (socket.greeting != 0) return begin_greeting(socket);
    if (limits_->transport == transport_kind::epoll) return open(socket, nullptr);
    auto stream = asio_stream(socket.descriptor);
    if (!stream) {
        released(socket.source);
        return nullptr;
    }
    socket.descriptor = -1;
    return open(socket, std::move(stream));
}

connection_record* worker::adopt(std::unique_ptr<transport> stream, std::uint32_t protocol) {
    return open({-1, protocol}, std::move(stream));
}

connection_record* worker::open(accepted_socket socket, std::unique_ptr<transport> stream) {
    auto* record = take_slot(socket);
    if (!record) return nullptr;
    if (stream) {
        pool_.extend(*record).stream = std::move(stream);
        start_stream(*record);
    } else if (!ready_.add(socket.descriptor, pool_.token_of(*record))) {
        cannot_watch(*record);
        return nullptr;
    }
    return begin_conversation(*record);
}

void worker::schedule_tick() {
    tick_timer_.expires_after(tick_length_);
    tick_timer_.async_wait([this](error_code code) {
        if (code) return;
        // Counted, not read off a clock: after a stall, what was active just before it would look
        // as if it had been idle all the while, and be timed out too early.
        output_.tick = input_.tick = ++tick_;
        auto now = std::chrono::steady_clock::now();
        schedule_tick();
        log_suppressed(refusals_.overdue(now), failures_.overdue(now));
        watch_output_at_tick(now);
        log_suppressed_greetings(failed_greetings_.overdue(now));
        expire();
    });
}

void worker::log_suppressed(std::optional<std::uint64_t> refusals,
                            std::optional<std::uint64_t> failures) {
    if (refusals) log(warning) << "refused: " << *refusals << " more suppressed";
    if (failures) log(error) << "handler failed: " << *failures << " more suppressed";
}

void worker::expire() {
    auto expire_list = [this](connection_pool::list& list, std::chrono::milliseconds timeout,
                              auto end) {
        auto limit = ticks_of(timeout, tick_length_);
        for (std::uint32_t count = 0; count < slice; ++count) {
            auto slot = list.overdue(tick_, limit);
            if (slot == no_slot) return false;
            end(pool_.all()[slot]);
        }
        return true; // and maybe more
    };
    in_turn_ = true;
    bool more = expire_list(pool_.idle, limits_->idle_timeout, [this](connection_record& record) {
        close(record, errc::idle_timeout);
    });
    more |= expire_list(
        pool_.newcomers, limits_->first_message_timeout,
        [this](connection_record& record) { expire_slow(record, errc::first_message_timeout); });
    more |=
        expire_list(pool_.incomplete, limits_->message_timeout, [this](connection_record& record) {
            expire_slow(record, errc::message_timeout);
        });
    more |= wake_throttled();
    more |= expire_list(pool_.blocked, blocked_timeout(*limits_),
                        [this](connection_record& record) { expire_blocked(record); });
    more |=
        expire_list(pool_.greeting, limits_->handshake_timeout, [this](connection_record& record) {
            fail_greeting(record, errc::handshake_timeout);
        });
    more |= expire_list(pool_.lingering, limits_->linger_timeout,
                        [this](connection_record& record) { release(record); });
    end_turn();
    if (more) asio::post(context_, [this] { expire(); });
}

// A socket announces room only when a good part of its buffer is free, so a peer that reads slowly
// may have taken some without an edge: the last try tells.
void worker::expire_blocked(connection_record& record) {
    if (record.extra && record.extra->stream && record.extra->stream->flush()) {
        pool_.touch(record, tick_);
        return writable(record);
    }
    if (record.has_output()) {
        auto before = counters_.bytes_sent.load();
        auto result = output_.flush_queue(record);
        if (result == output::flushed::all) return writable(record);
        if (result == output::flushed::blocked && counters_.bytes_sent.load() != before) return;
    }
    record.set(connection_record::abort_on_close);
    if (record.where == connection_record::state::open) return close(record, errc::write_timeout);
    ++counters_.cut;
    release(record);
}

} // namespace millipede::detail
