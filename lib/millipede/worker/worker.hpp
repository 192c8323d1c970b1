// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/base/connection_id.hpp>
#include <millipede/base/log.hpp>
#include <millipede/base/metrics.hpp>
#include <millipede/base/options.hpp>
#include <millipede/base/rate_limit.hpp>
#include <millipede/worker/activity.hpp>
#include <millipede/worker/agenda.hpp>
#include <millipede/worker/broadcast.hpp>
#include <millipede/worker/closing_schedule.hpp>
#include <millipede/worker/connection_pool.hpp>
#include <millipede/worker/departures.hpp>
#include <millipede/worker/doorkeeper.hpp>
#include <millipede/worker/fwd.hpp>
#include <millipede/worker/greeting.hpp>
#include <millipede/worker/handoff.hpp>
#include <millipede/worker/held_back_lines.hpp>
#include <millipede/worker/input.hpp>
#include <millipede/worker/live_limits.hpp>
#include <millipede/worker/mailbox.hpp>
#include <millipede/worker/memberships.hpp>
#include <millipede/worker/output.hpp>
#include <millipede/worker/output_budget.hpp>
#include <millipede/worker/owed_answers.hpp>
#include <millipede/worker/readiness.hpp>
#include <millipede/worker/stop_plan.hpp>
#include <millipede/worker/wakeups.hpp>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <array>
#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
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
    /// \param greetings what listeners ask for first, by number from 1; outlive it too.
    /// \param all_output what all workers of the process may hold together; outlives the worker.
    ///        Null: no such limit.
    worker(std::uint32_t index, options const& limits, std::span<protocol* const> protocols,
           std::span<greeting const> greetings = {}, output_budget* all_output = nullptr);
    ~worker();
    worker(worker const&) = delete;
    worker& operator=(worker const&) = delete;

    // Any thread.
    std::uint32_t index() const noexcept { return index_; }
    boost::asio::io_context& context() noexcept { return context_; }
    worker_metrics const& counters() const noexcept { return counters_; }
    /// Has `request` run on the worker's thread. \param bytes of the message that it carries.
    /// \returns mailbox_full, not_running or success.
    error_code post(std::unique_ptr<mail> request, std::size_t bytes = 0);
    /// The same for what was admitted by a bound of its own. \returns not_running or success.
    error_code post_admitted(std::unique_ptr<mail> request);
    mailbox const& requests() const noexcept { return mailbox_; }
    /// Where broadcasts are admitted, and joins and leaves.
    broadcast_room& broadcasts() noexcept { return broadcast_room_; }
    broadcast_room& membership_changes() noexcept { return change_room_; }
    /// Other limits, as far as a running worker can take them, from the end of the turn on.
    void reload(std::shared_ptr<options const> wanted) noexcept;
    /// Has it shed its largest output holders, if all hold too much and it has the largest.
    void ask_to_shed() noexcept;
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

    /// Who has left; only with `options::connections_per_source_max`. Whoever decides on newcomers,
    /// one thread at a time.
    departures& departed() noexcept { return *departed_; }

    // The owner's thread.
    /// Who decides on newcomers whose source a PROXY header names. Before the start.
    void ask_at_the_door(doorkeeper& keeper) noexcept { doorkeeper_ = &keeper; }
    /// \throws std::system_error when there is no thread to be had, std::bad_alloc; then the worker
    /// is as it was before.
    void start(std::function<void()> on_ended);
    /// Ends within the plan's deadline, unless a handler holds the thread. Further calls can only
    /// hasten the end.
    void stop(stop_plan const& plan) noexcept;
    /// At once, within `limits.stop_timeout`.
    void stop() noexcept { stop({.deadline = limits_->stop_timeout}); }
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
    error_code send(connection_id id, payload message, overflow_policy policy);
    error_code send(connection_id id, payload message) {
        return send(id, std::move(message), limits_->overflow);
    }
    /// Something for many of its connections; later ones wait until it has been done for all.
    void begin_errand(std::unique_ptr<errand> come) noexcept;
    /// Whether a broadcast is for that connection.
    bool wants(broadcast& message, connection_record& record);
    /// A message of an errand. Returns whether the connection gets it.
    bool deliver(connection_record& record, payload const& message, overflow_policy policy);
    memberships& groups() noexcept { return groups_; }
    /// Another thread makes an answer for that connection, which is not closed before: neither
    /// because its peer has ended its stream, nor because the server stops.
    void owe(connection_id id) { owed_.add(id); }
    /// The answer, empty when there is none; with a failure, why to close the connection.
    void answer(connection_id id, payload message, error_code failure);
    /// Reads on after a pause, in a later turn.
    void resume_soon(connection_record& record) { read_again_later(record); }

    // What conversations ask, within a turn or not: conversations.cpp

    /// What was sent leaves at the end of the turn.
    void settle_soon() noexcept;
    /// The connection ends then, as when a handler closes it ...
    void close_soon(connection_record& record, error_code reason) noexcept;
    /// ... or lets `what` escape.
    void fail_soon(connection_record& record, std::string_view what) noexcept;
    /// A coroutine has let `what` escape after the end of its connection.
    void failed_late(std::string_view what) noexcept;
    /// The answer that was owed has been sent. \returns whether the connection, whose end was put
    /// off for it, is to end now, behind what is left to handle.
    bool answer_given(connection_id id) noexcept;
    /// The answer is of no use any more.
    void excuse(connection_id id) noexcept { owed_.settle(id); }
    /// How many coroutines there are: the worker's end waits for them, until the deadline. They
    /// share the number, for some may outlive the worker.
    auto const& coroutines() const noexcept { return coroutines_; }
    /// One of them has ended.
    void coroutine_ended() noexcept;

    detail::output& out() noexcept { return output_; }
    connection_pool& pool() noexcept { return pool_; }
    worker_metrics& mutable_counters() noexcept { return counters_; }
    held_back_lines& lines() noexcept { return lines_; }
    /// What is begun now: one store, on the way of every message.
    void note(activity what) noexcept { activity_ = what; }
    /// A message of `record` is about to be handled.
    void count_message(connection_record& record) noexcept {
        ++counters_.messages_received;
        if (message_rate_.on()) charge_message(record);
    }
    boost::asio::ip::tcp::endpoint remote_endpoint(connection_record const& record,
                                                   error_code& code) const;
    /// The same for people.
    std::string peer_name(connection_record const& record) const;
    /// What it speaks.
    protocol const& speaker_of(connection_record const& record) const noexcept {
        return *protocols_[record.protocol];
    }

  private:
    // Its thread: thread.cpp
    void run(bool again);
    void pin() noexcept;
    void loop_left(std::string_view why) noexcept;

    // Life: worker.cpp
    void take_incoming();
    void adopt_all();
    void released(source_key source) noexcept;
    void schedule_tick() noexcept;
    void on_tick();
    void log_suppressed(std::optional<std::chrono::steady_clock::time_point> now) noexcept;
    void expire();
    void take_limits() noexcept; // reload.cpp

    // Its end: stopping.cpp
    void begin_stop();
    void cut_at(std::chrono::steady_clock::time_point deadline) noexcept;
    void await_cut() noexcept;
    void end_conversations();
    void end_soon() noexcept;
    void await_step() noexcept;
    void end_conversation(connection_record& record);
    void end_newcomer(connection_record& record);
    void end_streams();
    std::uint64_t bytes_moved() const noexcept;
    void give_streams_time(int patience, std::uint64_t bytes_before);
    void finish_conversation(connection_record& record);
    std::chrono::milliseconds come_back_after();
    void cut_all() noexcept;
    void end_if_stopped();
    void end_put_off(connection_id id, error_code const& why);
    void end_coroutines();

    // Requests from other threads: requests.cpp
    void take_mail();
    void run_mail(mail& request);
    void request_failed(std::string_view what) noexcept;

    // How a connection begins, and what precedes its conversation: greeting.cpp
    connection_record* take_slot(accepted_socket const& socket) noexcept;
    error_code attach(connection_record& record) noexcept;
    error_code attach(connection_record& record, std::unique_ptr<transport> stream) noexcept;
    connection_record* begin_unless(error_code const& failure, connection_record& record);
    void not_adopted(connection_record& record, error_code const& why) noexcept;
    connection_record* begin_conversation(connection_record& record);
    connection_record* begin_greeting(accepted_socket const& socket) noexcept;
    error_code watch_greeting(connection_record& record, std::uint16_t greeting) noexcept;
    void greet_later(connection_record& record) noexcept;
    void post_greetings() noexcept;
    void on_waiting_greetings();
    void greet(connection_record& record);
    io_result::status advance_greeting(connection_record& record, error_code& failure);
    bool let_in(connection_record& record) noexcept;
    void turn_away(connection_record& record) noexcept;
    void welcome(connection_record& record);
    void finish_greeting(connection_record& record) noexcept;
    void fail_greeting(connection_record& record, error_code const& reason) noexcept;
    void log_failed_greeting(connection_record const& record, error_code const& reason, bool in_tls,
                             severity level) noexcept;

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
    void handle_room(connection_record& record, edge edges);
    void handle_aside(connection_record& record, edge edges);
    void read_on(connection_record& record);
    void receive(connection_record& record);
    void writable(connection_record& record);
    void tell_room(connection_record& record);
    void read_again_later(connection_record& record) noexcept;
    void settle() noexcept;
    void settle(connection_record& record) noexcept;

    // What a peer may not do: limits.cpp
    void note_input(connection_record& record) noexcept;
    void charge_message(connection_record& record) noexcept;
    void charge(connection_record& record, rate_limit const& rate, rate_limit::bucket& from,
                std::uint64_t count) noexcept;
    void expire_slow(connection_record& record, errc reason);
    bool wake_throttled();

    // Whether silent peers are there: heartbeat.cpp
    void ask_if_there(connection_record& record);

    // Broadcasts: broadcast.cpp
    void walk_soon() noexcept;
    void walk();
    void filter_failed(std::string_view what) noexcept;

    // Output that peers do not take: overflow.cpp
    void tell_overflow(connection_record& record);
    void log_overflow(connection_record const& record, overflow_event const& event) noexcept;
    void count_output();
    void watch_growth() noexcept;
    void watch_output_soon() noexcept;
    void watch_output();
    void watch_output_at_tick();
    bool own_budget_runs_out() noexcept;
    bool shed_the_largest();
    void shed(connection_record& record) noexcept;

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
    live_limits live_;
    options const* limits_; // of live_
    std::span<protocol* const> protocols_;
    std::span<greeting const> greetings_;
    std::shared_ptr<std::atomic<std::uint32_t>> coroutines_{new std::atomic<std::uint32_t>{0}};
    wakeups wakeups_;                    // before the context, which gives back what is pending
    boost::asio::io_context context_{1}; // one thread runs it; any may post to it
    readiness ready_{context_};
    worker_metrics counters_;
    connection_pool pool_;
    detail::output output_;
    detail::input input_;
    handoff incoming_;
    std::optional<departures> departed_;
    doorkeeper* doorkeeper_ = nullptr; ///< Null: no limit asks for sources.
    output_budget* all_output_;
    broadcast_room broadcast_room_; // before all that may hold a broadcast ...
    broadcast_room change_room_;    // ... or a membership's change
    mailbox mailbox_;
    rate_limit message_rate_;
    rate_limit byte_rate_;
    bool notes_input_;                 ///< Whether a limit wants to know what reads came to.
    std::uint64_t messages_noted_ = 0; ///< Of the counters, when it was told last.
    std::uint64_t bytes_noted_ = 0;
    memberships groups_;
    broadcast_queue broadcasts_; // the first is under way
    boost::asio::steady_timer tick_timer_{context_};
    boost::asio::steady_timer stop_timer_{context_};
    boost::asio::steady_timer step_timer_{context_};
    std::chrono::milliseconds tick_length_;
    std::uint32_t tick_ = 1;
    std::array<epoll_event, 256> events_;
    std::span<epoll_event> left_events_; // of events_: those behind one whose handler ended it all
    agenda waiting_input_;               // connections with more to read
    owed_answers owed_;
    std::mutex stop_mutex_;
    std::optional<stop_plan> asked_plan_; // under the mutex, until the worker comes to it
    stop_plan plan_;
    std::chrono::steady_clock::time_point cut_{}; // the deadline, once there is one
    closing_schedule schedule_;
    std::uint32_t next_to_end_ = 0;   // the slots before have had their turn to end
    std::uint64_t ended_ = 0;         // so many of them, of those that are to end
    std::uint32_t streams_begin_ = 0; // of those slots: their streams may not have ended yet ...
    std::uint32_t streams_end_ = 0;   // ... and these are given time now
    std::minstd_rand dice_;
    std::deque<std::uint64_t> waiting_greetings_;
    bool greetings_posted_ = false;
    held_back_lines lines_;
    bool waiting_input_posted_ = false;
    bool settle_posted_ = false;
    bool walk_posted_ = false;
    bool watch_posted_ = false;
    bool expire_posted_ = false;
    bool ending_posted_ = false;
    bool step_awaited_ = false;
    bool streams_posted_ = false;
    bool cut_awaited_ = false;
    bool cut_over_ = false; // nobody is waited for any more
    bool stopping_ = false;
    std::atomic<bool> shedding_asked_{false};
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
