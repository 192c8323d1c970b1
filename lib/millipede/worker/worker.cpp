// SPDX-License-Identifier: BSL-1.0
#include <millipede/worker/worker.hpp>

#include <millipede/worker/connection.hpp>
#include <millipede/worker/protocol.hpp>
#include <millipede/worker/stream_transport.hpp>

#include <boost/system/system_error.hpp>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <new>
#include <utility>

namespace millipede::detail {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

// So many connections are expired or stopped at a time, before others have their turn.
constexpr std::uint32_t slice = 1'024;

// When the server stops, a connection whose input never ends is read so often at most.
constexpr int last_reads_max = 16;
constexpr int last_stream_reads_max = 256;

std::size_t largest_session(std::span<protocol* const> protocols) {
    std::size_t largest = 0;
    for (auto* speaker : protocols)
        largest = std::max(largest, speaker->session_bytes());
    return largest;
}

// Fine enough for the shortest timeout, and not finer than a second for long ones.
std::chrono::milliseconds tick_for(options const& limits) {
    auto length = std::min<std::chrono::milliseconds>(1s, limits.linger_timeout / 2);
    for (auto timeout : {limits.idle_timeout, limits.write_timeout})
        if (timeout > 0ms) length = std::min(length, timeout / 8);
    if (limits.stall_after > 0ms) length = std::min(length, limits.stall_after / 4); // a beat each
    return std::max<std::chrono::milliseconds>(length, 10ms);
}

// One tick more than the timeout: activity is known to the tick only, and a timeout never comes
// too early.
std::uint32_t ticks(std::chrono::milliseconds timeout, std::chrono::milliseconds length) {
    if (timeout <= 0ms) return 0;
    return static_cast<std::uint32_t>((timeout + length - 1ms) / length) + 1;
}

// Takes over the descriptor, whatever happens. Null when the system or the memory refuses.
std::unique_ptr<transport> stream_of(asio::io_context& context, int descriptor) noexcept {
    bool owned = false;
    try {
        asio::ip::tcp::socket stream{context};
        error_code code;
        // The stream only asks whether there is an address family; v6 covers either kind.
        stream.assign(asio::ip::tcp::v6(), descriptor, code);
        owned = !code;
        if (owned) return std::make_unique<tcp_transport>(std::move(stream));
    } catch (std::exception const&) {
        // No memory: the caller counts it.
    }
    if (!owned) socket_close(descriptor, false);
    return nullptr;
}

} // namespace

worker::worker(std::uint32_t index, options const& limits, std::span<protocol* const> protocols)
    : index_{index},
      limits_{&limits},
      protocols_{protocols},
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

void worker::wake() {
    if (incoming_.must_wake())
        post_reserved(context_, incoming_memory_, [this] { take_incoming(); });
}

void worker::stop() noexcept {
    if (!stop_asked_.exchange(true))
        post_reserved(context_, stop_memory_, [this] { begin_stop(); });
}

void worker::take_incoming() {
    incoming_.begin_taking(); // before the first take: what comes later wakes again
    in_turn_ = true;
    adopt_all();
    end_turn();
}

void worker::adopt_all() {
    note(activity::engine);
    accepted_socket socket;
    while (incoming_.take(socket)) {
        if (stopping_) {
            ++counters_.released;
            socket_close(socket.descriptor, false);
        } else {
            adopt(socket);
        }
    }
}

error_code worker::send(connection_id id, payload message) {
    auto* record = pool_.find(id);
    if (!record) {
        ++counters_.stale_requests;
        return errc::stale_connection;
    }
    error_code result;
    try {
        if (!output_.send(*record, std::move(message))) result = errc::output_full;
    } catch (std::bad_alloc const&) { // whoever goes on after a message that is missing goes wrong
        output_.request_close(*record, errc::no_memory);
        result = errc::no_memory;
    }
    if (!in_turn_ && !std::exchange(settle_posted_, true))
        post_reserved(context_, settle_memory_, [this] {
            settle_posted_ = false;
            settle();
        });
    return result;
}

connection_record* worker::adopt(accepted_socket socket) {
    if (limits_->transport == transport_kind::epoll)
        return open(socket.protocol, socket.descriptor, nullptr);
    auto stream = stream_of(context_, socket.descriptor);
    if (!stream) {
        ++counters_.accept_failures;
        ++counters_.released;
        return nullptr;
    }
    return adopt(std::move(stream), socket.protocol);
}

connection_record* worker::adopt(std::unique_ptr<transport> stream, std::uint32_t protocol) {
    return open(protocol, -1, std::move(stream));
}

connection_record* worker::open(std::uint32_t protocol, int descriptor,
                                std::unique_ptr<transport> stream) {
    auto* record = pool_.open(protocol, tick_);
    if (!record) {
        ++counters_.full;
        ++counters_.released;
        if (descriptor >= 0) socket_close(descriptor, false);
        return nullptr;
    }
    record->descriptor = descriptor;
    auto token = pool_.token_of(*record);
    if (auto failure = attach(*record, std::move(stream))) {
        not_adopted(failure);
        release(*record); // without a session: nobody has heard of it
        return nullptr;
    }
    ++counters_.opened;
    converse(*record, [&](basic_connection& connection) {
        protocols_[record->protocol]->on_open(connection);
    });
    settle(*record);
    return pool_.find_token(token);
}

// Has readiness, or the stream that it is given, announce the connection's edges.
error_code worker::attach(connection_record& record, std::unique_ptr<transport> stream) noexcept {
    auto token = pool_.token_of(record);
    if (!stream) {
        if (ready_.add(record.descriptor, token)) return {};
        return {errno, boost::system::system_category()};
    }
    try {
        pool_.extend(record).stream = std::move(stream);
        record.extra->stream->start([this, token](edge edges) {
            in_turn_ = true;
            handle(token, edges);
            end_turn();
        });
    } catch (boost::system::system_error const& failure) {
        return failure.code();
    } catch (std::exception const&) {
        return errc::no_memory;
    }
    return {};
}

void worker::not_adopted(error_code const& why) noexcept {
    ++counters_.accept_failures;
    try {
        if (auto suppressed = adoptions_.admit(std::chrono::steady_clock::now()))
            log(error) << "worker " << index_ << ": closed a newcomer: " << why.message() << "; "
                       << *suppressed << " more suppressed before";
    } catch (...) {
        // The counter tells.
    }
}

void worker::schedule_tick() noexcept {
    try {
        tick_timer_.expires_after(tick_length_);
        tick_timer_.async_wait(reserved(tick_memory_, [this](error_code code) {
            if (!code) on_tick();
        }));
    } catch (std::bad_alloc const&) { // for the list of all timers: without ticks nothing times out
        post_reserved(context_, retry_memory_, [this] { schedule_tick(); });
    }
}

void worker::on_tick() {
    // Counted, not read off a clock: after a stall, what was active just before it would look
    // as if it had been idle all the while, and be timed out too early.
    output_.tick = input_.tick = ++tick_;
    ++beats_;
    auto now = std::chrono::steady_clock::now();
    schedule_tick();
    log_suppressed(refusals_.overdue(now), failures_.overdue(now));
    expire();
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
    note(activity::engine);
    in_turn_ = true;
    bool more = expire_list(pool_.idle, limits_->idle_timeout, [this](connection_record& record) {
        close(record, errc::idle_timeout);
    });
    more |= expire_list(pool_.blocked, limits_->write_timeout,
                        [this](connection_record& record) { expire_blocked(record); });
    more |= expire_list(pool_.lingering, limits_->linger_timeout,
                        [this](connection_record& record) { release(record); });
    end_turn();
    if (more && !std::exchange(expire_posted_, true))
        post_reserved(context_, expire_memory_, [this] {
            expire_posted_ = false;
            expire();
        });
}

// A socket announces room only when a good part of its buffer is free, so a peer that reads slowly
// may have taken some without an edge: the last try tells.
void worker::expire_blocked(connection_record& record) {
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
    try {
        stop_timer_.expires_after(limits_->stop_timeout);
        stop_timer_.async_wait(reserved(deadline_memory_, [this](error_code code) {
            if (code) return;
            stopping_ = true; // also when an exception kept the rest of this from happening
            cut_all();
            end_if_stopped();
        }));
    } catch (std::bad_alloc const&) { // for the list of all timers: no stop without a deadline
        return post_reserved(context_, stop_memory_, [this] { begin_stop(); });
    }
    in_turn_ = true;
    adopt_all(); // whoever was accepted gets the answers to what it sent
    end_turn();
    stopping_ = true;
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
        bool again = still_open();
        for (int reads = 0; again && record.receiving() && reads < last_reads_max; ++reads) {
            read_on(record);
            again = still_open() && record.is(connection_record::input_waits);
        }
        if (still_open() && record.descriptor >= 0) close(record, errc::stopping);
    }
    end_turn();
    if (slot < pool_.all().touched())
        post_reserved(context_, stop_memory_, [this, slot] { stop_next(slot); });
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
        post_reserved(context_, stop_memory_, [this, patience, bytes] {
            // And once more, to let the reads end.
            post_reserved(context_, stop_memory_,
                          [this, patience, bytes] { stop_streams(patience - 1, bytes); });
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
