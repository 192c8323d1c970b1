// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/base/connection_id.hpp>
#include <millipede/base/log.hpp>
#include <millipede/base/metrics.hpp>
#include <millipede/base/options.hpp>
#include <millipede/worker/connection_pool.hpp>
#include <millipede/worker/fwd.hpp>
#include <millipede/worker/greeting.hpp>
#include <millipede/worker/handoff.hpp>
#include <millipede/worker/input.hpp>
#include <millipede/worker/mailbox.hpp>
#include <millipede/worker/output.hpp>
#include <millipede/worker/readiness.hpp>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <array>
#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <thread>
#include <vector>

namespace millipede::detail {

/// One thread with an io_context, and the connections that live on it. All that happens to a
/// connection happens on its worker's thread: no locks on the way of a message.
///
/// Life: made (slots allocated) -> `start` (thread runs) -> `stop` (adopts nothing more, answers
/// what was received, flushes, closes) -> ended (`on_ended` called) -> `join`.
/// A test may do without the thread: `begin`, and then `context().poll()` by itself.
class worker {
  public:
    /// \param protocols what listeners speak, by number; outlive the worker.
    /// \param greetings what listeners ask for first, by number from 1; outlive it too.
    worker(std::uint32_t index, options const& limits, std::span<protocol* const> protocols,
           std::span<greeting const> greetings = {});
    ~worker();
    worker(worker const&) = delete;
    worker& operator=(worker const&) = delete;

    // Any thread.
    std::uint32_t index() const noexcept { return index_; }
    boost::asio::io_context& context() noexcept { return context_; }
    worker_metrics const& counters() const noexcept { return counters_; }
    /// Has `request` run on the worker's thread. \returns mailbox_full, not_running or success.
    error_code post(std::unique_ptr<mail> request);
    /// The worker whose thread this is, if it is one.
    static worker* current() noexcept;

    // The acceptor's thread.
    handoff& incoming() noexcept { return incoming_; }
    /// Wakes the worker for what was pushed to `incoming()`, unless that is done already.
    void wake();

    // The owner's thread.
    void start(std::function<void()> on_ended);
    /// Ends within `limits.stop_timeout`, unless a handler holds the thread.
    void stop();
    void join();

    // The worker's thread from here on.

    /// Takes care of the first timer and of readiness; `start` calls it.
    void begin();
    /// A socket becomes a connection, or is closed when all slots are in use. Null in that case.
    connection_record* adopt(accepted_socket socket);
    /// The same for anything else that carries bytes.
    connection_record* adopt(std::unique_ptr<transport> stream, std::uint32_t protocol);
    /// Runs `f(basic_connection&)` as a handler of that connection. False when it is not there.
    template <class F>
    bool with(connection_id id, F f);
    /// A message for a connection of this worker, from outside of its handlers.
    error_code send(connection_id id, payload message);
    /// Reads on after a pause, in a later turn.
    void resume_soon(connection_record& record) { read_again_later(record); }

    detail::output& out() noexcept { return output_; }
    connection_pool& pool() noexcept { return pool_; }
    worker_metrics& mutable_counters() noexcept { return counters_; }
    boost::asio::ip::tcp::endpoint remote_endpoint(connection_record const& record,
                                                   error_code& code) const;

  private:
    // Life: worker.cpp
    void run();
    void posted_handler_failed(std::string_view what) noexcept;
    void take_incoming();
    void take_mail();
    connection_record* open(std::uint32_t protocol, int descriptor,
                            std::unique_ptr<transport> stream);
    void schedule_tick();
    void log_suppressed(std::optional<std::uint64_t> refusals,
                        std::optional<std::uint64_t> failures);
    void expire();
    void begin_stop();
    void stop_next(std::uint32_t slot);
    void stop_streams(int patience, std::uint64_t bytes_before);
    void cut_all() noexcept;
    void end_if_stopped();

    // How a connection begins, and what precedes its conversation: greeting.cpp
    connection_record* take_slot(std::uint32_t protocol, int descriptor) noexcept;
    void start_stream(connection_record& record);
    void cannot_watch(connection_record& record);
    std::unique_ptr<transport> asio_stream(int descriptor);
    bool hand_to_asio(connection_record& record) noexcept;
    connection_record* begin_conversation(connection_record& record);
    connection_record* begin_greeting(accepted_socket socket);
    void greet_later(connection_record& record);
    void post_greetings();
    void on_waiting_greetings();
    void greet(connection_record& record);
    io_result::status advance_greeting(connection_record& record, error_code& failure);
    void welcome(connection_record& record);
    void finish_greeting(connection_record& record);
    void fail_greeting(connection_record& record, error_code const& reason) noexcept;
    void log_suppressed_greetings(std::optional<std::uint64_t> count);
    void log_failed_greeting(connection_record const& record, error_code const& reason, bool in_tls,
                             severity level) noexcept;

    // A turn, in which all connections that became ready are read once each: turn.cpp
    void wait_for_readiness();
    void on_readiness();
    void on_waiting_input();
    void end_turn();
    void handle(std::uint64_t token, edge edges);
    void handle_room(connection_record& record, edge edges);
    void handle_aside(connection_record& record, edge edges);
    void read_on(connection_record& record);
    void receive(connection_record& record);
    void writable(connection_record& record);
    void read_again_later(connection_record& record);
    void settle();
    void settle(connection_record& record);

    // A connection's end: closing.cpp
    template <class F>
    void converse(connection_record& record, F f);
    void caught(connection_record& record, std::string_view what) noexcept;
    void close(connection_record& record, error_code reason) noexcept;
    void end_session(connection_record& record, error_code const& reason,
                     close_reason kind) noexcept;
    void end_output(connection_record& record) noexcept;
    void discard(connection_record& record) noexcept;
    void release(connection_record& record) noexcept;
    void log_close(connection_record const& record, error_code const& reason) noexcept;
    void count_close(close_reason kind) noexcept;
    void expire_blocked(connection_record& record);

    std::uint32_t index_;
    options const* limits_;
    std::span<protocol* const> protocols_;
    std::span<greeting const> greetings_;
    boost::asio::io_context context_{1}; // one thread runs it; any may post to it
    readiness ready_{context_};
    worker_metrics counters_;
    connection_pool pool_;
    detail::output output_;
    detail::input input_;
    handoff incoming_;
    mailbox mailbox_;
    boost::asio::steady_timer tick_timer_{context_};
    boost::asio::steady_timer stop_timer_{context_};
    std::chrono::milliseconds tick_length_;
    std::uint32_t tick_ = 1;
    std::array<epoll_event, 256> events_;
    std::vector<std::uint64_t> waiting_input_; // connections with more to read
    std::vector<std::uint64_t> taken_;         // that list while it is worked off
    std::vector<std::uint64_t> settling_;      // output_.unsettled() while it is worked off
    std::deque<std::uint64_t> waiting_greetings_;
    log_limiter failed_greetings_{10, std::chrono::seconds{1}};
    bool greetings_posted_ = false;
    log_limiter refusals_{10, std::chrono::seconds{1}};
    log_limiter failures_{10, std::chrono::seconds{1}};
    bool waiting_input_posted_ = false;
    bool settle_posted_ = false;
    bool in_turn_ = false;
    bool stopping_ = false;
    std::atomic<bool> running_{false};
    std::function<void()> on_ended_;
    std::thread thread_;
};

} // namespace millipede::detail
