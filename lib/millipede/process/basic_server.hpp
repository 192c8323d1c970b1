// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/base/completion.hpp>
#include <millipede/base/connection_id.hpp>
#include <millipede/base/error.hpp>
#include <millipede/base/log.hpp>
#include <millipede/base/metrics.hpp>
#include <millipede/base/option_changes.hpp>
#include <millipede/base/options.hpp>
#include <millipede/process/acceptor.hpp>
#include <millipede/process/drain_report.hpp>
#include <millipede/process/end_awaiters.hpp>
#include <millipede/process/group_names.hpp>
#include <millipede/process/offload_pool.hpp>
#include <millipede/process/supervisor.hpp>
#include <millipede/process/worker_pool.hpp>
#include <millipede/wire/codec.hpp>
#include <millipede/wire/payload.hpp>
#include <millipede/worker/greeting.hpp>
#include <millipede/worker/group.hpp>
#include <millipede/worker/group_errands.hpp>
#include <millipede/worker/protocol.hpp>
#include <millipede/worker/tls_context.hpp>

#include <boost/asio/async_result.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace millipede {

namespace detail {
class engine_view;
class process_role;
} // namespace detail

template <class Session, codec Codec>
class service;

/// A server whatever its sessions and codec: the acceptor, the workers, signals and timers.
///
/// Life: made (options validated) -> `start()` (slots allocated, listening, workers run) ->
/// `run()` (accepts, on the calling thread) -> `drain()`, `stop()` or a signal -> `run()` returns,
/// and the server is over: it cannot be started again.
///
/// Do not: add handlers after the start; destroy the server while `run()` runs; call `run()` from
/// a handler.
class basic_server {
  public:
    /// That of an io_context.
    using executor_type = boost::asio::io_context::executor_type;

    basic_server(basic_server const&) = delete;
    basic_server& operator=(basic_server const&) = delete;
    virtual ~basic_server();

    /// Binds, allocates and starts the workers; from here on clients can connect, and signals wait
    /// for `run()`, which calls it, unless it has been called. Logs the memory budget.
    /// \throws invalid_option for a heartbeat without a message;
    ///         listen_error when an endpoint cannot be listened on; std::system_error when there
    ///         is not enough memory for the slots, or no thread. It may be called again then.
    void start();

    /// Accepts connections and runs `every` functions on this thread until `stop()`, `drain()` or,
    /// with `options::handle_signals`, SIGINT or SIGTERM; then answers what was received, whatever
    /// the rates, flushes and closes, within `options::stop_timeout`. A signal drains, as `drain()`
    /// does: connections end spread over `options::drain_spread`, and `stop_timeout` begins when
    /// that is over. A second signal has its default effect.
    /// When a handler still holds a worker's thread, or an offloaded one its own, a second after
    /// the deadline, the process is ended with status 1: there is no safe way to end a thread.
    /// \throws what `start()` throws; std::logic_error when called a second time; and what a
    ///         handler that was posted to `get_executor()` lets escape, after everything was ended
    ///         in the same way: within `options::stop_timeout` and a second, or with status 1.
    void run();

    /// Ends the server: stops accepting, answers what was received, flushes and closes, within
    /// `options::stop_timeout`; cuts a drain short. Any thread, any time; returns at once.
    void stop() noexcept;

    /// Ends the server gently, for many clients that are to be served elsewhere or later: stops
    /// accepting at once, and goes on serving while connections end one after the other, evenly
    /// spread over `spread` (or over three quarters of the deadline, if that is shorter). Each is
    /// answered what it has sent, gets what `server::on_drain` sends, and then reads end of stream.
    /// What has not left when `deadline` is over is cut off and counted. With a `spread` of 0 all
    /// end at once, as with `stop()`. When the server ends already, this does nothing.
    /// Any thread, any time; returns at once.
    /// \throws std::invalid_argument for times that are negative or longer than a year.
    void drain(std::chrono::milliseconds deadline, std::chrono::milliseconds spread);

    /// Hands over to a new process, so that a new version of the program serves and nobody is
    /// refused meanwhile: starts the program as this process was started, from the file that stands
    /// there now, with all listening sockets; when that one runs, this one leaves them to it and
    /// drains, as after a signal. When it fails, or takes longer than `options::upgrade_timeout`,
    /// the log says so in one line and this one goes on as if nothing had happened. Connections
    /// stay where they are. For processes with one server. `options::upgrade_signal` does the same.
    /// Any thread; returns at once. Before `run()` it takes effect then.
    void hand_over();

    /// How the end went; after `run()` has returned. It is logged, too.
    drain_report const& drained() const noexcept { return report_; }

    /// Runs `f` on the thread of `run()` every `period`, until the end. Before the start.
    /// \throws std::logic_error after it; std::invalid_argument when the period is not positive.
    void every(std::chrono::milliseconds period, std::function<void()> f);

    /// Where the server listens by TCP, with the ports that the system picked; after `start()`.
    std::vector<boost::asio::ip::tcp::endpoint> const& endpoints() const noexcept {
        return endpoints_;
    }

    /// Everywhere it listens, as text: `127.0.0.1:8082`, `unix:/run/service.sock`; in the order of
    /// `options::listen`, then of `listen()`. After `start()`.
    std::vector<std::string> const& places() const noexcept { return places_; }

    /// Reads the certificates, keys and client CAs of all TLS listeners again: newcomers get them
    /// from now on, connections that are there keep what they have. Files that cannot be used
    /// leave their listener as it was, and an error in the log. Any thread, though it reads files;
    /// on SIGHUP it is called when `options::handle_signals` is set.
    /// \returns whether all files could be used.
    bool reload_certificates();

    /// Gives the running server other options: what it can take without a restart (docs/logging.md
    /// has the list) holds from now on, for connections that are there as for newcomers; a worker
    /// that is held by a handler takes it up when it goes on. All of it, or with an exception
    /// nothing. On the thread of `run()`, from `start()` on: in functions of `every()` and
    /// `on_reload()`, or posted to `get_executor()`.
    /// \returns what was applied, and what would need a restart and is as it was. It is not logged;
    ///          see `log_changes`.
    /// \throws as the constructor; std::logic_error before the start; std::bad_alloc.
    reload_report reload(options wanted);

    /// With `options::handle_signals`, SIGHUP calls `f` on the thread of `run()`, after log files
    /// have been reopened and certificates read again; what escapes from it is logged. To be given
    /// a new configuration: `server.on_reload([&] { log_changes(server.reload(read_again())); });`
    /// Before the start. \throws std::logic_error after it.
    void on_reload(std::function<void()> f);

    /// The executor of the thread of `run()`.
    executor_type get_executor() noexcept { return context_.get_executor(); }

    /// The executor of a worker's thread, by its index from 0; after `start()`. For what lives
    /// beside its connections: timers, sockets, coroutines.
    /// \throws std::logic_error before the start
    executor_type get_executor(std::uint32_t worker) {
        if (!workers_) throw std::logic_error{"get_executor(worker) before the start"};
        return (*workers_)[worker].context().get_executor();
    }

    /// How many there are; after the server has been made.
    std::uint32_t worker_count() const noexcept { return limits_.workers; }

    /// The options in force, with numbers in place of "automatic"; a copy, as `reload()` may change
    /// them. Any thread. \throws std::bad_alloc
    options limits() const;

    /// What was counted so far, over all threads. Any thread.
    millipede::metrics metrics() const;

    /// Sends to a connection. Any thread. That the message was accepted does not mean that the
    /// connection is still there when the worker comes to it: `metrics().stale_requests` counts.
    /// \returns stale_connection, mailbox_full, output_full (also when the connection is ending, or
    ///          its worker's buffers are exhausted), no_memory, not_running or success; from
    ///          another thread than the connection's only those that need not look at it.
    /// \throws std::bad_alloc when there is no memory for the request to the worker.
    error_code send(connection_id id, payload message);
    /// The same for a whole message with a policy of its own in place of `options::overflow`.
    error_code send(connection_id id, payload message, overflow_policy policy);

    /// Sends to every connection. Any thread; returns at once, and each worker walks over its
    /// connections with others' turns in between: after 1,024 of them, 128 that get it, or 8 MiB.
    ///
    /// Broadcasts of one thread arrive in their order at every connection, as do those that come
    /// after sends and posts of that thread; a `send` or `post` that follows a broadcast may
    /// overtake it. A connection that opens meanwhile may get it or not. Where output is full the
    /// policy decides, for that connection alone.
    /// \returns mailbox_full, when a worker has `options::broadcast_capacity` of them waiting, or
    ///          `options::mailbox_max_bytes`: then nobody gets it; not_running; or success.
    error_code broadcast(payload const& message);
    /// \overload
    error_code broadcast(payload const& message, overflow_policy policy);

    // Groups (rooms): connections that get what is sent to the group. Any thread may call these,
    // before the start only the first two. What one thread asks for by these, by `send`, `post` and
    // `broadcast` is done in its order, at each connection: who joined before a message was sent
    // gets it, who left before does not; who joins or leaves meanwhile, asked by another thread,
    // may get it or not. Only a `send` or `post` to a connection may overtake what was sent to a
    // group before. All may throw std::bad_alloc; then nothing was done.

    /// A new one, without members.
    group make_group();
    /// The one of that name: the same for all who ask, as long as somebody holds it or a connection
    /// is in it. Takes a mutex for a look at a hash table: keep the handle, in the session.
    group group_named(std::string_view name);

    /// Has a connection join. It leaves by itself when it ends, before its `on_close`. To be in
    /// already, or to have ended by then, does nothing (`metrics().stale_requests` counts the
    /// latter). Joining, leaving and ending take time in proportion to the number of groups that
    /// the connection is in, whatever the size of these. No more than `options::mailbox_capacity`
    /// joins and leaves may wait for one worker.
    /// \returns stale_connection, mailbox_full, not_running or success.
    /// \throws std::invalid_argument for no group, and for one of another server; so do the others.
    error_code join(group const& room, connection_id who);
    /// \overload
    error_code join(group const& room, basic_connection const& who);

    /// Has it leave. To be in no longer, or never, does nothing. Returns as `join` does.
    error_code leave(group const& room, connection_id who);
    /// \overload
    error_code leave(group const& room, basic_connection const& who);

    /// Sends to all that are in the group, as `broadcast` sends to all: encoded once, one request
    /// to each worker that has members, walked in slices, the policy deciding for each member.
    /// \returns mailbox_full, when one of these workers has `options::broadcast_capacity` of both
    ///          waiting: then nobody gets it; not_running; or success.
    error_code send(group const& room, payload const& message);
    /// \overload
    error_code send(group const& room, payload const& message, overflow_policy policy);

    // The same with completion tokens of Asio's. Any thread. Handlers run on their associated
    // executor, or on `get_executor()`, which runs as long as `run()` does.

    /// Sends to a connection. Completes with `(error_code)` when its worker has taken the message,
    /// or refused it: then with what `send` returns, of its own or on the worker's thread.
    template <boost::asio::completion_token_for<void(error_code)> Token>
    auto async_send(connection_id id, payload message, Token&& token) {
        return boost::asio::async_initiate<Token, void(error_code)>(
            [this](auto handler, connection_id to, payload bytes) {
                begin_send(to, std::move(bytes), completion_for<error_code>(std::move(handler)));
            },
            token, id, std::move(message));
    }

    /// Sends to every connection. Completes with `(error_code)` when all workers have walked over
    /// their connections, or at once with what `broadcast` returns.
    template <boost::asio::completion_token_for<void(error_code)> Token>
    auto async_broadcast(payload message, Token&& token) {
        return boost::asio::async_initiate<Token, void(error_code)>(
            [this](auto handler, payload bytes) {
                begin_awaited_broadcast(
                    [&] { return std::make_unique<detail::broadcast>(bytes, default_overflow()); },
                    completion_for<error_code>(std::move(handler)));
            },
            token, std::move(message));
    }

    /// Drains. Completes with `(error_code, drain_report)` when all connections have ended, also
    /// when the end had begun before, or `stop()` cuts it short; `run()` returns behind that.
    /// `not_running` when the server has ended already, or is destroyed without having run.
    /// \throws as `drain`, when it begins.
    template <boost::asio::completion_token_for<void(error_code, drain_report)> Token>
    auto async_drain(std::chrono::milliseconds deadline, std::chrono::milliseconds spread,
                     Token&& token) {
        return boost::asio::async_initiate<Token, void(error_code, drain_report)>(
            [this, deadline, spread](auto handler) {
                begin_awaited_drain(deadline, spread,
                                    completion_for<error_code, drain_report>(std::move(handler)));
            },
            token);
    }

    /// \cond
  protected:
    explicit basic_server(options wanted);

    /// Before the start; the first is spoken by the listeners of `options::listen`. \throws
    /// std::logic_error after the start; std::length_error
    void keep(std::unique_ptr<detail::protocol> speaker);
    /// Listens at one more place, where `speaker`, one of those, is spoken.
    /// \throws std::logic_error after the start; invalid_option
    void listen(detail::protocol const& speaker, listen_options where);
    /// Ends the workers and all connections. The last owner of protocols calls it in its
    /// destructor: handlers may run until it returns. When one of them holds a worker's thread
    /// beyond the deadline, the process is ended, as by `run()`.
    void shut_down() noexcept;
    /// \throws std::logic_error when the server has been started.
    void require_not_started(char const* what) const;
    error_code post(connection_id id, std::unique_ptr<detail::mail> request);
    error_code post_admitted(connection_id id, std::unique_ptr<detail::mail> request);
    /// The connection's worker, if this is its thread; otherwise null.
    detail::worker* worker_here(connection_id id) noexcept;
    /// Calls `make` for every worker and brings it what that made, or nobody anything.
    error_code begin_broadcast(std::function<std::unique_ptr<detail::broadcast>()> const& make);
    using broadcast_maker = std::function<std::unique_ptr<detail::broadcast>()>;
    /// The same, and `done` is called when the last worker is done with it.
    void begin_awaited_broadcast(broadcast_maker const& make,
                                 detail::completion_ptr<error_code> done);
    template <class... Results, class Handler>
    detail::completion_ptr<Results...> completion_for(Handler handler) {
        return detail::make_completion<Results...>(std::move(handler), get_executor());
    }
    /// For messages that were not sent with a policy of their own. Any thread.
    overflow_policy default_overflow() const noexcept {
        return overflow_.load(std::memory_order_relaxed);
    }
    /// Before the start: there will be requests to offload.
    void use_offload() noexcept { uses_offload_ = true; }
    /// See `detail::offload_pool::offer`.
    bool offer(std::unique_ptr<detail::offload_request> request, offload_order order) {
        return offload_->offer(std::move(request), order);
    }

    /// \endcond

  private:
    template <class Session, codec Codec>
    friend class service;
    friend class detail::engine_view;

    struct periodic {
        std::chrono::milliseconds period;
        std::function<void()> function;
        boost::asio::steady_timer timer;
    };

    void log_budget() const;
    void prepare_listener(listen_options const& listener, std::uint8_t protocol);
    void wait_for_signal();
    void wait_for_reload();
    void hung_up();
    void schedule(periodic& task);
    void listen();
    void begin_stop(detail::stop_plan const& plan);
    detail::stop_plan plan_after_signal() const;
    void begin_role();
    std::string status() const;
    std::vector<detail::heirloom> heirlooms();
    void leave_place();
    void abandon_start() noexcept;
    void end_workers(std::chrono::steady_clock::time_point offload_cut) noexcept;
    void report_end();
    void require_own(group const& room) const;
    error_code change(group const& room, connection_id who, detail::membership_change::kind what);
    void begin_send(connection_id id, payload message, detail::completion_ptr<error_code> done);
    void begin_awaited_drain(std::chrono::milliseconds deadline, std::chrono::milliseconds spread,
                             detail::completion_ptr<error_code, drain_report> done);
    void finish_handlers();
    void callback_failed(std::string_view what) noexcept;

    options limits_; // the thread of run() alone changes them, and then under the mutex
    mutable std::mutex limits_mutex_;
    std::atomic<overflow_policy> overflow_;
    std::size_t listeners_given_; // by the options; `listen()` adds others
    std::optional<options> started_with_;
    std::function<void()> on_hangup_;
    log_limiter callback_lines_{10, std::chrono::seconds{1}};
    std::unique_ptr<logging> logging_;
    detail::handler_memory stop_memory_; // before the context, which gives them back
    detail::handler_memory drain_memory_;
    detail::handler_memory end_memory_;
    boost::asio::io_context context_{1};
    std::vector<detail::protocol*> protocols_;
    std::vector<std::unique_ptr<detail::protocol>> kept_;   // their owners
    std::vector<std::unique_ptr<detail::tls_context>> tls_; // of the listeners that have it
    std::vector<detail::greeting> greetings_;
    std::vector<std::uint16_t> greeting_of_listener_; // in the order of limits_.listen; 0: none
    std::vector<std::uint8_t> protocol_of_listener_;  // the same; the index in protocols_
    std::optional<detail::worker_pool> workers_;
    std::optional<detail::offload_pool> offload_; // its threads use the workers
    std::optional<detail::acceptor> acceptor_;
    std::optional<detail::supervisor> supervisor_;
    std::vector<boost::asio::ip::tcp::endpoint> endpoints_;
    std::vector<std::string> places_;
    std::list<periodic> periodics_;
    detail::group_names group_names_;
    detail::end_awaiters end_awaiters_; // after the context that their handlers may run on
    worker_metrics counters_;           // of the thread of run()
    boost::asio::signal_set signals_{context_};
    boost::asio::signal_set reload_signals_{context_};
    boost::asio::steady_timer deadline_{context_};
    std::unique_ptr<detail::process_role> role_; // from run() on
    millipede::metrics before_end_;
    drain_report report_;
    std::chrono::steady_clock::time_point end_began_{};
    std::chrono::steady_clock::time_point cut_{}; // the deadline of the end
    bool stopping_ = false;
    bool draining_ = false; // and no `stop()` has cut it short
    bool uses_offload_ = false;
    bool counts_commands_ = false;
    bool ran_ = false;
    std::atomic<bool> started_{false};
    std::atomic<bool> stop_asked_{false};
    std::atomic<bool> drain_asked_{false};
};

} // namespace millipede
