// SPDX-License-Identifier: BSL-1.0
#include <millipede/worker/worker.hpp>

#include <millipede/worker/connection.hpp>
#include <millipede/worker/protocol.hpp>

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

// So many connections are expired or stopped at a time, before others have their turn.
constexpr std::uint32_t slice = 1'024;

// When the server stops, a connection whose input never ends is read so often at most.
constexpr int last_reads_max = 16;
constexpr int last_stream_reads_max = 256;

// Streams that the worker cannot read at will: they announce what they have read.
bool reads_by_itself(connection_record const& record) {
    if (record.descriptor >= 0) return false;
    auto const* stream = record.extra ? record.extra->stream.get() : nullptr;
    return !stream || !stream->in_readiness_set();
}

std::size_t largest_session(std::span<protocol* const> protocols) {
    std::size_t largest = 0;
    for (auto* speaker : protocols)
        largest = std::max(largest, speaker->session_bytes());
    return largest;
}

// Fine enough for the shortest timeout, and not finer than a second for long ones.
std::chrono::milliseconds tick_for(options const& limits) {
    auto length = std::min<std::chrono::milliseconds>(1s, limits.linger_timeout / 2);
    for (auto timeout : {limits.idle_timeout, limits.write_timeout, limits.handshake_timeout})
        if (timeout > 0ms) length = std::min(length, timeout / 8);
    return std::max<std::chrono::milliseconds>(length, 10ms);
}

// One tick more than the timeout: activity is known to the tick only, and a timeout never comes
// too early.
std::uint32_t ticks(std::chrono::milliseconds timeout, std::chrono::milliseconds length) {
    if (timeout <= 0ms) return 0;
    return static_cast<std::uint32_t>((timeout + length - 1ms) / length) + 1;
}

} // namespace

worker::worker(std::uint32_t index, options const& limits, std::span<protocol* const> protocols,
               std::span<greeting const> greetings)
    : index_{index},
      limits_{&limits},
      protocols_{protocols},
      greetings_{greetings},
      pool_{index, limits.connections_per_worker, largest_session(protocols),
            limits.buffer_budget_bytes},
      output_{pool_, ready_, counters_, limits},
      input_{pool_, counters_, limits},
      incoming_{limits.handoff_capacity},
      mailbox_{limits.mailbox_capacity},
      tick_length_{tick_for(limits)} {}

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

void worker::stop() {
    asio::post(context_, [this] { begin_stop(); });
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
            ++counters_.released;
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

error_code worker::send(connection_id id, payload message) {
    auto* record = pool_.find(id);
    if (!record) {
        ++counters_.stale_requests;
        return errc::stale_connection;
    }
    bool taken = output_.send(*record, std::move(message));
    if (!in_turn_ && !std::exchange(settle_posted_, true))
        asio::post(context_, [this] {
            settle_posted_ = false;
            settle();
        });
    return taken ? error_code{} : errc::output_full;
}

connection_record* worker::adopt(accepted_socket socket) {
    if (socket.greeting != 0) return begin_greeting(socket);
    if (limits_->transport == transport_kind::epoll)
        return open(socket.protocol, socket.descriptor, nullptr);
    auto stream = asio_stream(socket.descriptor);
    if (stream) return adopt(std::move(stream), socket.protocol);
    ++counters_.released;
    return nullptr;
}

connection_record* worker::adopt(std::unique_ptr<transport> stream, std::uint32_t protocol) {
    return open(protocol, -1, std::move(stream));
}

connection_record* worker::open(std::uint32_t protocol, int descriptor,
                                std::unique_ptr<transport> stream) {
    auto* record = take_slot(protocol, descriptor);
    if (!record) return nullptr;
    if (stream) {
        pool_.extend(*record).stream = std::move(stream);
        start_stream(*record);
    } else if (!ready_.add(descriptor, pool_.token_of(*record))) {
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
        auto limit = ticks(timeout, tick_length_);
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
    more |= expire_list(pool_.blocked, limits_->write_timeout,
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

void worker::begin_stop() {
    if (stopping_) return;
    take_incoming(); // whoever was accepted gets the answers to what it sent
    stopping_ = true;
    stop_timer_.expires_after(limits_->stop_timeout);
    stop_timer_.async_wait([this](error_code code) {
        if (code) return;
        cut_all();
        end_if_stopped();
    });
    stop_next(0);
}

void worker::stop_next(std::uint32_t slot) {
    in_turn_ = true;
    auto end = std::min(slot + slice, pool_.all().touched());
    for (; slot < end; ++slot) {
        auto& record = pool_.all()[slot];
        auto still_open = [&, generation = record.generation] {
            return record.generation == generation &&
                   record.where == connection_record::state::open;
        };
        if (record.where == connection_record::state::greeting) finish_greeting(record);
        bool again = still_open();
        for (int reads = 0; again && record.receiving() && reads < last_reads_max; ++reads) {
            read_on(record);
            again = still_open() && record.is(connection_record::input_waits);
        }
        if (still_open() && !reads_by_itself(record)) close(record, errc::stopping);
    }
    end_turn();
    if (slot < pool_.all().touched())
        asio::post(context_, [this, slot] { stop_next(slot); });
    else
        stop_streams(last_stream_reads_max, counters_.bytes_received);
}

// Streams read by themselves, some bytes in each cycle of the io_context: they are closed when a
// cycle has brought nothing more.
void worker::stop_streams(int patience, std::uint64_t bytes_before) {
    in_turn_ = true;
    std::uint64_t bytes = counters_.bytes_received;
    bool give_time = patience == last_stream_reads_max || (patience > 0 && bytes != bytes_before);
    bool any_left = false;
    for (std::uint32_t slot = 0; slot < pool_.all().touched(); ++slot) {
        auto& record = pool_.all()[slot];
        if (record.where != connection_record::state::open) continue;
        any_left = true;
        if (!give_time) close(record, errc::stopping);
    }
    end_turn();
    if (any_left && give_time)
        asio::post(context_, [this, patience, bytes] { // and once more, to let the reads end
            asio::post(context_, [this, patience, bytes] { stop_streams(patience - 1, bytes); });
        });
}

void worker::cut_all() noexcept {
    for (std::uint32_t slot = 0; slot < pool_.all().touched(); ++slot) {
        auto& record = pool_.all()[slot];
        if (record.where == connection_record::state::free) continue;
        if (record.has_output()) {
            ++counters_.cut;
            record.set(connection_record::abort_on_close);
        }
        if (record.where == connection_record::state::open)
            end_session(record, errc::stopping, close_reason::stopping);
        release(record);
    }
}

void worker::end_if_stopped() {
    if (stopping_ && pool_.all().in_use() == 0) context_.stop();
}

} // namespace millipede::detail
