// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string_view>

namespace millipede {

/// A counter that one thread writes and any thread reads: no lock, no locked instruction. Two
/// threads that write one `single_writer` lose counts.
template <class T>
class single_writer {
  public:
    /// Changes it. The one thread that writes.
    single_writer& operator+=(T amount) noexcept { return *this = load() + amount; }
    /// \copydoc operator+=
    single_writer& operator-=(T amount) noexcept { return *this = load() - amount; }
    /// \copydoc operator+=
    single_writer& operator++() noexcept { return *this += 1; }
    /// \copydoc operator+=
    single_writer& operator--() noexcept { return *this -= 1; }
    /// \copydoc operator+=
    single_writer& operator=(T value) noexcept {
        value_.store(value, std::memory_order_relaxed);
        return *this;
    }
    /// Its value at this moment, or one that it had just before. Any thread.
    T load() const noexcept { return value_.load(std::memory_order_relaxed); }
    /// \copydoc load
    operator T() const noexcept { return load(); }

  private:
    static_assert(std::atomic<T>::is_always_lock_free);
    std::atomic<T> value_{};
};

/// What a server counts. `Cell` is `single_writer<std::uint64_t>` where it is counted (once per
/// worker, and once for the accepting thread) and `std::uint64_t` in a sum.
template <class Cell>
struct basic_metrics {
    Cell accepted{};        ///< Sockets accepted.
    Cell full{};            ///< Newcomers closed at once: every slot or every hand-over queue full.
    Cell accept_failures{}; ///< accept() failed, for want of descriptors or memory.
    Cell opened{};          ///< Connections that began: on_open was called.
    Cell closed{};          ///< Connections that ended, for the reasons that follow.
    Cell closed_by_peer{};  ///< ... because the peer ended its stream.
    Cell timeouts{};        ///< ... because of a timeout: idle, write, of a message.
    Cell errors{};          ///< ... because of an error of the system, such as a reset.
    Cell refused_frames{};  ///< ... because the peer sent what the protocol does not allow.
    Cell shed{};            ///< ... to protect the others: something was full.
    Cell stopped{};         ///< ... because the server stopped.
    Cell closed_by_server{}; ///< ... because a handler closed it.
    Cell handler_failures{}; ///< ... because a handler let an exception escape.
    Cell cut{}; ///< Connections cut off before all had left: stop deadline, write timeout, shed.
    Cell released{};                ///< Sockets that workers are done with, connections or not.
    Cell messages_received{};       ///< Complete messages given to handlers.
    Cell bytes_received{};          ///< Bytes read from peers; with TLS, what they unsealed to.
    Cell bytes_sent{};              ///< Bytes that peers' sockets have taken.
    Cell messages_sent{};           ///< Messages taken to be sent, at once or when there is room.
    Cell messages_dropped{};        ///< Messages not sent because the connection's output was full.
    Cell writes_blocked{};          ///< Times that a peer took no more and output had to be queued.
    Cell stale_requests{};          ///< Sends, posts, joins, leaves: of one that had ended.
    Cell callback_failures{};       ///< Exceptions from on_close, every(), filters, posts.
    Cell bytes_dropped{};           ///< The size of `messages_dropped`.
    Cell messages_dropped_newest{}; ///< Of `messages_dropped`, those sent with `drop_newest` ...
    Cell messages_dropped_oldest{}; ///< ... and those with `drop_oldest`.
    Cell bytes_shed{};              ///< Unsent output thrown away with connections that were shed.
    Cell shed_for_budget{};   ///< Connections shed for having the most, when all had too much.
    Cell output_held_bytes{}; ///< Unsent output held now; see `options::output_budget_bytes`.

    // Newcomers that were accepted and closed at once ...
    Cell newcomers_over_limit{};        ///< ... because of `connections_max`.
    Cell newcomers_over_source_limit{}; ///< ... because of `connections_per_source_max`.
    Cell newcomers_over_rate{};         ///< ... because of `accepts_per_second`.
    Cell newcomers_over_source_rate{};  ///< ... because of `accepts_per_second_per_source`.
    Cell newcomers_shed{};              ///< ... because there was no descriptor or memory for them.
    Cell first_message_timeouts{};      ///< Of `timeouts`: no complete message came.
    Cell message_timeouts{};            ///< Of `timeouts`: a message was begun and not completed.
    Cell too_fast{};                    ///< Of `refused_frames`: more than a rate allows.
    Cell rate_pauses{}; ///< Times that a connection was not read because of its rate.
    Cell heartbeats{};  ///< Times that a silent connection was asked whether it is there.

    // Handlers that block ...
    Cell offloaded{};       ///< ... requests given to the offload pool.
    Cell offload_refused{}; ///< ... requests that the pool refused, because it was full.
    Cell offload_failed{};  ///< ... exceptions from them.
    Cell offload_dropped{}; ///< ... requests that still waited for the pool when the server ended.
    Cell offload_waiting{}; ///< ... requests that wait for a thread of the pool now.

    // What listeners may ask for before the first message ...
    Cell tls_handshakes{};    ///< ... TLS handshakes completed.
    Cell tls_failures{};      ///< ... failed, or not completed in time. Never opened.
    Cell bad_proxy_headers{}; ///< ... PROXY headers missing, bad or not in time. Never opened.
    Cell abandoned{}; ///< ... newcomers that left (or met the stop) before that. Never opened.

    // What the supervisor sees ...
    Cell worker_restarts{}; ///< ... workers that went on after an exception left their loop.
    Cell stalls{};          ///< ... times that one gave no sign of life for `stall_after`.
    Cell stalled{};         ///< ... workers that give none now.

    /// Calls `f(name, cell)` for every counter.
    template <class Self, class F>
    static void for_each(Self& self, F f) {
        f("accepted", self.accepted);
        f("full", self.full);
        f("accept_failures", self.accept_failures);
        f("opened", self.opened);
        f("closed", self.closed);
        f("closed_by_peer", self.closed_by_peer);
        f("timeouts", self.timeouts);
        f("errors", self.errors);
        f("refused_frames", self.refused_frames);
        f("shed", self.shed);
        f("stopped", self.stopped);
        f("closed_by_server", self.closed_by_server);
        f("handler_failures", self.handler_failures);
        f("cut", self.cut);
        f("released", self.released);
        f("messages_received", self.messages_received);
        f("bytes_received", self.bytes_received);
        f("bytes_sent", self.bytes_sent);
        f("messages_sent", self.messages_sent);
        f("messages_dropped", self.messages_dropped);
        f("writes_blocked", self.writes_blocked);
        f("stale_requests", self.stale_requests);
        f("callback_failures", self.callback_failures);
        f("bytes_dropped", self.bytes_dropped);
        f("messages_dropped_newest", self.messages_dropped_newest);
        f("messages_dropped_oldest", self.messages_dropped_oldest);
        f("bytes_shed", self.bytes_shed);
        f("shed_for_budget", self.shed_for_budget);
        f("output_held_bytes", self.output_held_bytes);
        f("newcomers_over_limit", self.newcomers_over_limit);
        f("newcomers_over_source_limit", self.newcomers_over_source_limit);
        f("newcomers_over_rate", self.newcomers_over_rate);
        f("newcomers_over_source_rate", self.newcomers_over_source_rate);
        f("newcomers_shed", self.newcomers_shed);
        f("first_message_timeouts", self.first_message_timeouts);
        f("message_timeouts", self.message_timeouts);
        f("too_fast", self.too_fast);
        f("rate_pauses", self.rate_pauses);
        f("heartbeats", self.heartbeats);
        f("offloaded", self.offloaded);
        f("offload_refused", self.offload_refused);
        f("offload_failed", self.offload_failed);
        f("offload_dropped", self.offload_dropped);
        f("offload_waiting", self.offload_waiting);
        f("tls_handshakes", self.tls_handshakes);
        f("tls_failures", self.tls_failures);
        f("bad_proxy_headers", self.bad_proxy_headers);
        f("abandoned", self.abandoned);
        f("worker_restarts", self.worker_restarts);
        f("stalls", self.stalls);
        f("stalled", self.stalled);
    }
};

/// The counters of one thread; aligned so that two threads never share a cache line.
struct alignas(64) worker_metrics : basic_metrics<single_writer<std::uint64_t>> {
    /// Messages by command, 65,536 of them, of commands with a handler of their own; null when
    /// nobody wants to know. Set before the thread starts.
    single_writer<std::uint64_t>* by_command = nullptr;
};

/// A sum over all threads, taken while they go on: each counter is exact, but counters may be a
/// few events apart from one another.
struct metrics : basic_metrics<std::uint64_t> {
    /// Adds one thread's counters. Any thread.
    metrics& operator+=(worker_metrics const& part) noexcept;
};

} // namespace millipede
