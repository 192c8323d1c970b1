// SPDX-License-Identifier: BSL-1.0
// What precedes a conversation where a listener asks for it: a PROXY header, then a TLS handshake.
// Sessions and handlers know nothing of it: on_open comes when it is over, or never.
#include <millipede/worker/greeting.hpp>

#include <millipede/wire/proxy_header.hpp>
#include <millipede/worker/connection.hpp>
#include <millipede/worker/protocol.hpp>
#include <millipede/worker/stream_transport.hpp>
#include <millipede/worker/tls_context.hpp>
#include <millipede/worker/worker.hpp>

#include <boost/system/system_error.hpp>

#include <array>
#include <exception>
#include <new>
#include <utility>

namespace millipede::detail {
namespace {

using flag = connection_record::flag;
using state = connection_record::state;
using status = io_result::status;

// A handshake costs the processor far more than a message: after so many others have their turn,
// so that a crowd that comes back at once does not hold up those who are in.
constexpr std::size_t greetings_per_turn = 8;

// The client that a PROXY header names, if it names one. The header is looked at where it lies, in
// the socket, until it is whole; what follows it stays there for whoever reads next.
status take_proxy_header(connection_record& record, error_code& failure) {
    std::array<std::byte, proxy_header_bytes_max> bytes;
    auto got = socket_peek(record.descriptor, bytes);
    if (got.would_block()) return status::would_block;
    if (got.failed()) failure = socket_failure();
    if (got.size == 0) {
        if (!failure.failed()) failure = errc::closed_by_peer;
        return status::failed;
    }
    auto header = read_proxy_header(std::span{bytes}.first(got.size));
    if (header.found == proxy_header::status::incomplete && !record.is(flag::hung_up))
        return status::would_block;
    if (header.found != proxy_header::status::whole) {
        failure = errc::bad_proxy_header;
        return status::failed;
    }
    socket_read(record.descriptor, std::span{bytes}.first(header.size));
    if (header.client)
        record.extra->client = std::make_unique<boost::asio::ip::tcp::endpoint>(*header.client);
    return status::done;
}

// Takes over the descriptor, whatever happens. Null when the system or the memory refuses.
std::unique_ptr<transport> asio_stream(boost::asio::io_context& context, int descriptor,
                                       error_code& failure) noexcept {
    bool owned = false;
    try {
        boost::asio::ip::tcp::socket stream{context};
        // The stream only asks whether there is an address family; v6 covers either kind.
        stream.assign(boost::asio::ip::tcp::v6(), descriptor, failure);
        owned = !failure;
        if (owned) return std::make_unique<tcp_transport>(std::move(stream));
    } catch (std::exception const&) {
        failure = errc::no_memory;
    }
    if (!owned) socket_close(descriptor, false);
    return nullptr;
}

} // namespace

connection_record* worker::adopt(accepted_socket socket) {
    if (socket.greeting != 0) return begin_greeting(socket);
    auto* record = take_slot(socket);
    return record ? begin_unless(attach(*record), *record) : nullptr;
}

connection_record* worker::adopt(std::unique_ptr<transport> stream, std::uint32_t protocol) {
    auto* record = take_slot({-1, protocol});
    return record ? begin_unless(attach(*record, std::move(stream)), *record) : nullptr;
}

// Null, and the socket closed, when all slots are in use.
connection_record* worker::take_slot(accepted_socket const& socket) noexcept {
    auto* record = pool_.open(socket.protocol, tick_);
    if (record) {
        record->descriptor = socket.descriptor;
        if (departed_) pool_.source_of(*record) = socket.source;
        return record;
    }
    ++counters_.full;
    released(socket.source);
    if (socket.descriptor >= 0) socket_close(socket.descriptor, false);
    return nullptr;
}

// Has the worker's own set, or where the options say so an Asio stream, announce the edges of the
// record's socket.
error_code worker::attach(connection_record& record) noexcept {
    if (limits_->transport == transport_kind::asio) {
        error_code failure;
        auto stream = asio_stream(context_, std::exchange(record.descriptor, -1), failure);
        return stream ? attach(record, std::move(stream)) : failure;
    }
    return ready_.add(record.descriptor, pool_.token_of(record)) ? error_code{} : socket_failure();
}

// The same for what is talked through in the place of a socket.
error_code worker::attach(connection_record& record, std::unique_ptr<transport> stream) noexcept {
    try {
        pool_.extend(record).stream = std::move(stream);
        record.extra->stream->start([this, token = pool_.token_of(record)](edge edges) {
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

// Null when it does not begin, or when its handler has ended it.
connection_record* worker::begin_unless(error_code const& failure, connection_record& record) {
    if (!failure) return begin_conversation(record);
    not_adopted(record, failure);
    return nullptr;
}

// It has no session, and nobody has heard of it.
void worker::not_adopted(connection_record& record, error_code const& why) noexcept {
    ++counters_.accept_failures;
    release(record);
    try {
        if (auto suppressed = lines_.adoptions.admit(std::chrono::steady_clock::now()))
            log(error) << "worker " << field("worker", index_)
                       << ": closed a newcomer: " << field("reason", why.message()) << "; "
                       << field("suppressed", *suppressed) << " more suppressed before";
    } catch (...) {
        // The counter tells.
    }
}

// Null when its handler has ended it.
connection_record* worker::begin_conversation(connection_record& record) {
    if (limits_->first_message_timeout > std::chrono::milliseconds{})
        pool_.await_first(record, tick_);
    auto token = pool_.token_of(record);
    ++counters_.opened;
    converse(record, [&](basic_connection& connection) {
        protocols_[record.protocol]->on_open(connection);
    });
    settle(record);
    return pool_.find_token(token);
}

connection_record* worker::begin_greeting(accepted_socket const& socket) noexcept {
    auto* record = take_slot(socket);
    if (!record) return nullptr;
    pool_.greet(*record, tick_);
    if (auto failure = watch_greeting(*record, socket.greeting)) {
        not_adopted(*record, failure);
        return nullptr;
    }
    return record;
}

error_code worker::watch_greeting(connection_record& record, std::uint16_t greeting) noexcept {
    try {
        pool_.extend(record).greeting = greeting;
    } catch (std::bad_alloc const&) {
        return errc::no_memory;
    }
    // For output as well, as it may be TLS: what is unsent waits where the engine does not see it.
    record.set(flag::output_watched);
    bool watched = ready_.add_both(record.descriptor, pool_.token_of(record));
    return watched ? error_code{} : socket_failure();
}

void worker::greet_later(connection_record& record) noexcept {
    if (record.is(flag::input_waits)) return;
    try {
        waiting_greetings_.push_back(pool_.token_of(record));
    } catch (std::bad_alloc const&) {
        return fail_greeting(record, errc::no_memory);
    }
    record.set(flag::input_waits);
    post_greetings();
}

void worker::post_greetings() noexcept {
    if (!std::exchange(greetings_posted_, true))
        post_reserved(context_, wakeups_.greetings, [this] { on_waiting_greetings(); });
}

void worker::on_waiting_greetings() {
    greetings_posted_ = false;
    // First, so that nothing that happens to these keeps the others from their turn.
    if (waiting_greetings_.size() > greetings_per_turn) post_greetings();
    note(activity::engine);
    in_turn_ = true;
    for (std::size_t count = 0; count < greetings_per_turn && !waiting_greetings_.empty();) {
        auto* record = pool_.find_token(waiting_greetings_.front());
        waiting_greetings_.pop_front();
        if (!record || record->where != state::greeting) continue; // timed out meanwhile
        record->clear(flag::input_waits);
        greet(*record);
        ++count;
    }
    end_turn();
}

// As far as the peer has got.
void worker::greet(connection_record& record) {
    error_code failure;
    auto reached = status::failed;
    try {
        reached = advance_greeting(record, failure);
    } catch (std::bad_alloc const&) {
        failure = errc::no_memory;
    }
    if (reached == status::done) return welcome(record);
    if (reached != status::failed) return;
    if (failure.failed())
        fail_greeting(record, failure);
    else
        turn_away(record);
}

// Failed without a failure: it is not let in.
io_result::status worker::advance_greeting(connection_record& record, error_code& failure) {
    auto& extra = *record.extra;
    auto const& asked = greetings_[extra.greeting - 1U];
    if (!extra.stream) {
        if (asked.proxy_protocol) {
            auto reached = take_proxy_header(record, failure);
            if (reached != status::done) return reached;
            if (!let_in(record)) return status::failed;
        }
        if (!asked.tls) return status::done;
        extra.stream = asked.tls->accept(record.descriptor, pool_.buffers());
        record.descriptor = -1;
    }
    auto said = extra.stream->handshake();
    // After a hang-up no edge comes: once more finds the end behind what was read.
    if (said.would_block() && record.is(flag::hung_up)) said = extra.stream->handshake();
    if (said.failed()) failure = extra.stream->failure();
    return said.what;
}

// Limits per source are for the client that the PROXY header names; a proxy that speaks for itself
// is nobody's client.
bool worker::let_in(connection_record& record) noexcept {
    if (!doorkeeper_ || !record.extra->client) return true;
    auto const& client = *record.extra->client;
    if (!doorkeeper_->admit(client, counters_)) return false;
    if (departed_) pool_.source_of(record) = source_key{client.address()};
    return true;
}

// As whoever is not let in by the acceptor: a clean end at once, before TLS costs anything.
void worker::turn_away(connection_record& record) noexcept {
    socket_turn_away(std::exchange(record.descriptor, -1));
    release(record);
}

void worker::welcome(connection_record& record) {
    auto token = pool_.token_of(record);
    record.extra->greeting = 0;
    pool_.welcome(record, tick_);
    if (record.extra->stream) {
        ++counters_.tls_handshakes;
    } else if (limits_->transport == transport_kind::asio) {
        ready_.remove(record.descriptor);
        if (auto failure = attach(record)) return not_adopted(record, failure);
    }
    begin_conversation(record);
    // What followed the greeting has announced its edge already.
    auto* still = pool_.find_token(token);
    if (!still || still->where != state::open) return;
    if (still->is(flag::last_words))
        end_newcomer(*still);
    else if (still->receiving())
        receive(*still);
}

// The server stops, and the turn to end is this newcomer's. Who has begun to greet has its time, as
// far as the deadline leaves it, and is then answered and told goodbye like all the others. Who has
// said nothing is not waited for.
void worker::finish_greeting(connection_record& record) noexcept {
    std::byte first;
    bool has_begun =
        record.extra->stream || socket_peek(record.descriptor, std::span{&first, 1}).size != 0;
    if (!has_begun) return fail_greeting(record, errc::stopping);
    record.set(flag::last_words);
    greet_later(record);
}

// Only our direction ends, and what the peer still says is thrown away for a while: closing at once
// would be a reset, which destroys the TLS alert that tells the peer why.
void worker::fail_greeting(connection_record& record, error_code const& reason) noexcept {
    bool in_tls = record.extra->stream != nullptr;
    bool peer_left = reason == errc::closed_by_peer || reason == errc::stopping ||
                     reason.category() == boost::system::system_category();
    if (peer_left)
        ++counters_.abandoned;
    else if (reason == errc::no_memory)
        ++counters_.accept_failures;
    else if (in_tls || !greetings_[record.extra->greeting - 1U].proxy_protocol)
        ++counters_.tls_failures;
    else
        ++counters_.bad_proxy_headers;
    log_failed_greeting(record, reason, in_tls, peer_left ? debug : warning);
    if (peer_left || reason == errc::handshake_timeout) return release(record);
    if (in_tls) {
        record.descriptor = record.extra->stream->release_socket();
        record.extra->stream.reset();
    }
    socket_shutdown_write(record.descriptor);
    pool_.linger(record, tick_);
    discard(record);
}

void worker::log_failed_greeting(connection_record const& record, error_code const& reason,
                                 bool in_tls, severity level) noexcept {
    if (!log_enabled(level)) return;
    try {
        auto suppressed = lines_.greetings.admit(std::chrono::steady_clock::now());
        if (!suppressed) return;
        log(level) << (in_tls ? "TLS handshake with " : "newcomer ")
                   << field("peer", peer_name(record)) << ": " << field("reason", reason.message())
                   << "; connection closed; " << field("suppressed", *suppressed)
                   << " more suppressed before";
    } catch (...) {
        // The counters tell.
    }
}

} // namespace millipede::detail
