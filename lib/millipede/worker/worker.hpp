// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/base/connection_id.hpp>
#include <millipede/base/log.hpp>
#include <millipede/base/metrics.hpp>
#include <millipede/base/options.hpp>
#include <millipede/worker/activity.hpp>
#include <millipede/worker/agenda.hpp>
#include <millipede/worker/connection_pool.hpp>
#include <millipede/worker/fwd.hpp>
#include <millipede/worker/handler_memory.hpp>
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
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <thread>

namespace millipede::detail {

/// One thread with an io_context, and the connections that live on it. All that happens to a
/// connection happens on its worker's thread: no locks on the way of a message.
///
/// Life: made (slots allocated) -> `start` (thread runs) -> `stop` (adopts nothing more, answers
/// what was received, flushes, closes) -> ended (`on_ended` called) -> `join`.
/// A test may do without the thread: `begin`, and then `context().poll()` by itself.
///
/// What leaves the loop as an exception ends nothing: the loop goes on, on the same thread. When
/// a handler ends the thread itself (pthread_exit), `revive` gives the worker another one.
/// Connections are kept in both cases.
class worker {
  public:
    /// \param protocols what listeners speak, by number; outlive the worker.
    worker(std::uint32_t index, options const& limits, std::span<protocol* const> protocols);
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
    /// Whether the supervisor has given it up for now.
    bool stalled() const noexcept { return stalled_.load(std::memory_order_relaxed); }
    /// Signs of life: one more with every tick, so at least four in `limits.stall_after`.
    std::uint32_t beats() const noexcept { return beats_.load(); }
    /// What the thread is at, if it is at anything.
    activity doing() const noexcept {
        return in_turn_.load() ? activity_.load() : activity::function;
    }
    /// Between the start of the thread and the end of its work, whether it is alive or not.
    bool running() const noexcept { return running_.load(std::memory_order_acquire); }

    // The supervisor's thread.

    void set_stalled(bool is) noexcept { stalled_.store(is, std::memory_order_relaxed); }
    /// Whether the thread has ended, and the work has not.
    bool lost_its_thread() const noexcept { return lost_thread_.load(std::memory_order_acquire); }
    /// Gives it another thread. \throws std::system_error: there is none to be had, try again later
    void revive();
    /// The thread to ask for its stack; nothing while there is none.
    std::optional<std::thread::native_handle_type> thread() noexcept;

    // The acceptor's thread.
    handoff& incoming() noexcept { return incoming_; }
    /// Wakes the worker for what was pushed to `incoming()`, unless that is done already.
    void wake();

    // The owner's thread.

    /// \throws std::system_error when there is no thread to be had, std::bad_alloc; then the worker
    /// is as it was before.
    void start(std::function<void()> on_ended);
    /// Ends within `limits.stop_timeout`, unless a handler holds the thread. Once is enough.
    void stop() noexcept;
    void join();

    // The worker's thread from here on.

    /// Makes this thread the worker's.
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
    /// What is begun now: one store, on the way of every message.
    void note(activity what) noexcept { activity_ = what; }
    boost::asio::ip::tcp::endpoint remote_endpoint(connection_record const& record,
                                                   error_code& code) const;

  private:
    // Its thread: thread.cpp
    void run(bool again);
    void loop_left(std::string_view why) noexcept;

    // Life: worker.cpp
    void take_incoming();
    void adopt_all();
    error_code attach(connection_record& record, std::unique_ptr<transport> stream) noexcept;
    void not_adopted(error_code const& why) noexcept;
    connection_record* open(std::uint32_t protocol, int descriptor,
                            std::unique_ptr<transport> stream);
    void schedule_tick() noexcept;
    void on_tick();
    void log_suppressed(std::optional<std::uint64_t> refusals,
                        std::optional<std::uint64_t> failures);
    void expire();
    void begin_stop();
    void stop_next(std::uint32_t slot);
    void stop_streams(int patience, std::uint64_t bytes_before);
    void cut_all() noexcept;
    void end_if_stopped();

    // Requests from other threads: requests.cpp
    void take_mail();
    void run_mail(mail& request);
    void request_failed(std::string_view what) noexcept;

    // A turn, in which all connections that became ready are read once each: turn.cpp
    void wait_for_readiness();
    void on_readiness();
    void take_up_turn();
    void on_waiting_input();
    void post_waiting_input() noexcept;
    void end_turn() noexcept;
    template <class F>
    void work_off(agenda& list, connection_record::flag mark, F f);
    void handle(std::uint64_t token, edge edges);
    void read_on(connection_record& record);
    void receive(connection_record& record);
    void writable(connection_record& record);
    void read_again_later(connection_record& record) noexcept;
    void settle() noexcept;
    void settle(connection_record& record) noexcept;

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
    // For what the engine posts and waits for, each at most once at a time; before the context,
    // which gives them back.
    handler_memory readiness_memory_;
    handler_memory tick_memory_;
    handler_memory retry_memory_; // of the tick
    handler_memory incoming_memory_;
    handler_memory mail_memory_;
    handler_memory input_memory_;
    handler_memory settle_memory_;
    handler_memory expire_memory_;
    handler_memory stop_memory_;
    handler_memory deadline_memory_;
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
    std::span<epoll_event> left_events_; // of events_: those behind one whose handler ended it all
    agenda waiting_input_;               // connections with more to read
    log_limiter refusals_{10, std::chrono::seconds{1}};
    log_limiter failures_{10, std::chrono::seconds{1}};
    log_limiter adoptions_{1, std::chrono::seconds{1}};
    log_limiter loop_failures_{10, std::chrono::seconds{1}};
    bool waiting_input_posted_ = false;
    bool settle_posted_ = false;
    bool expire_posted_ = false;
    bool stopping_ = false;
    std::atomic<bool> stop_asked_{false};
    std::atomic<bool> running_{false};
    // What the supervisor looks at.
    single_writer<bool> in_turn_;
    single_writer<activity> activity_;
    single_writer<std::uint32_t> beats_;
    std::atomic<bool> stalled_{false};
    std::atomic<bool> lost_thread_{false};
    std::function<void()> on_ended_;
    std::thread thread_;
};

} // namespace millipede::detail
