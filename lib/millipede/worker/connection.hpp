// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/worker/worker.hpp>

#include <boost/asio/ip/tcp.hpp>

#include <cstdint>
#include <exception>
#include <span>
#include <string>
#include <string_view>

namespace millipede {

/// One connection, as its handlers see it, whatever its session and codec.
///
/// Thread contract: valid in a handler only, on the thread of the connection's worker. To come
/// back to a connection later or from another thread, keep its `id()` and use `server::post` or
/// `server::send`.
class basic_connection {
  public:
    /// That of an io_context.
    using executor_type = boost::asio::io_context::executor_type;

    /// Made by the worker.
    basic_connection(detail::worker& owner, detail::connection_record& record) noexcept
        : worker_{&owner}, record_{&record} {}
    basic_connection& operator=(basic_connection const&) = delete;

    /// Its name, for ever and for any thread.
    connection_id id() const noexcept { return worker_->pool().id_of(*record_); }

    /// The index of its worker, from 0: what `per_worker` counts by.
    std::uint32_t worker_index() const noexcept { return worker_->index(); }

    /// Its worker's executor: timers and sockets made with it run on this thread.
    executor_type get_executor() const noexcept { return worker_->context().get_executor(); }

    /// Sends bytes as they stand, copied. What is sent in one handler, or for several messages of
    /// one read, leaves in one write. False when the connection is ending or its output full.
    bool send_bytes(std::span<std::byte const> bytes);

    /// Sends shared bytes; large ones are not copied.
    bool send(payload bytes) { return worker_->out().send(*record_, std::move(bytes)); }

    /// The same for a whole message with a policy of its own in place of `options::overflow`: what
    /// becomes of it when the connection's output is full. (While a peer takes what is sent there
    /// is nothing to decide.) Only messages sent with `drop_oldest` are dropped for later ones.
    bool send(payload message, overflow_policy policy) {
        return worker_->out().send(*record_, std::move(message), policy);
    }

    /// Ends the connection after this handler: what was sent still goes out, then the peer reads
    /// end of stream. `on_close` gets `reason`. The first call counts.
    void close(error_code reason = errc::closed_by_server) noexcept;

    /// Handles no message from now on, and reads nothing: the peer's writes come to a stop when
    /// the kernel's buffers are full. The idle timeout goes on.
    void pause_receiving() noexcept;
    /// Goes on, beginning with messages that were read already.
    void resume_receiving();

    /// Whether the next message would be handled: not closed, not paused, not over its rate, and
    /// the peer takes what is sent to it.
    bool receiving() const noexcept { return record_->receiving(); }

    /// The address of the peer; a system call, not kept. On a listener with the PROXY protocol,
    /// the client that the proxy named, if it named one.
    boost::asio::ip::tcp::endpoint remote_endpoint(error_code& code) const {
        return worker_->remote_endpoint(*record_, code);
    }
    /// \throws boost::system::system_error
    boost::asio::ip::tcp::endpoint remote_endpoint() const;

    /// The peer for people: ADDR:PORT; "unix" on a Unix domain socket, where
    /// `remote_endpoint` answers address_family_not_supported; "unknown" when it has gone.
    std::string peer_name() const { return worker_->peer_name(*record_); }

    /// \cond
  protected:
    basic_connection(basic_connection const&) noexcept = default;

    /// Whether the connection is over for its handlers.
    bool ending() const noexcept {
        return record_->where != detail::connection_record::state::open ||
               record_->is(detail::connection_record::close_requested);
    }
    /// A message's handler is about to be called.
    void begin_message(detail::activity what) const noexcept {
        worker_->count_message(*record_);
        worker_->note(what);
    }
    /// ... which is that of a command of its own.
    void count_command(std::uint16_t command) const noexcept {
        if (auto* counts = worker_->counters().by_command) ++counts[command];
    }
    /// Another of the user's functions is.
    void begin(detail::activity what) const noexcept { worker_->note(what); }
    /// Call it from a catch block.
    void callback_failed(std::string_view which) const noexcept;
    /// What the connection speaks.
    detail::protocol const& speaker() const noexcept { return worker_->speaker_of(*record_); }
    detail::output& out() const noexcept { return worker_->out(); }
    detail::connection_record& record() const noexcept { return *record_; }
    detail::worker& owner() const noexcept { return *worker_; }
    void* session_memory() const noexcept { return worker_->pool().session_of(*record_); }
    /// \endcond

  private:
    detail::worker* worker_;
    detail::connection_record* record_;
};

} // namespace millipede

namespace millipede::detail {

template <class F>
bool worker::with(connection_id id, F f) {
    auto* record = pool_.find(id);
    if (!record) {
        ++counters_.stale_requests;
        return false;
    }
    converse(*record, [&](basic_connection& connection) { f(connection); });
    settle(*record);
    return true;
}

/// As `worker::with`, in the midst of whatever the worker is at: what `f` asks for is done at the
/// end of that.
template <class F>
bool visit(worker& here, connection_id id, F& f) {
    auto* record = here.pool().find(id);
    if (!record) {
        ++here.mutable_counters().stale_requests;
        return false;
    }
    basic_connection connection{here, *record};
    f(connection);
    here.settle_soon();
    return true;
}

// Runs handlers of `record` and sends what they gathered; whatever they throw ends this
// connection, and nothing else.
template <class F>
void worker::converse(connection_record& record, F f) {
    basic_connection connection{*this, record};
    output_.begin(record);
    try {
        f(connection);
    } catch (std::bad_alloc const&) {
        output_.request_close(record, errc::no_memory);
    } catch (std::exception const& failure) {
        caught(record, failure.what());
    } catch (...) {
        bool ends_thread = !std::current_exception();
        caught(record, ends_thread ? "it ended the worker's thread" : "not a std::exception");
        if (ends_thread) { // which the C library insists on
            output_.finish();
            throw;
        }
    }
    output_.finish();
    if (record.extra) pool_.trim(record);
}

} // namespace millipede::detail
