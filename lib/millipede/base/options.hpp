// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/base/listen_options.hpp>
#include <millipede/base/log.hpp>
#include <millipede/base/overflow.hpp>

#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

namespace millipede {

/// What carries the bytes of an accepted socket.
enum class transport_kind {
    epoll, ///< One edge-triggered epoll set per worker: the fast and lean way.
    asio,  ///< An ordinary `boost::asio::ip::tcp::socket` each: portable, larger, slower.
};

/// What happens to a connection that sends faster than it may.
enum class rate_policy {
    pause, ///< It is not read until it may send again: TCP slows the peer down. Nothing is lost.
    close, ///< Closes it (`errc::too_fast`). For peers that have no business to send so much.
};

/// What happens to a process one of whose workers is stalled.
enum class stall_policy {
    report, ///< It goes on: the others are served, the stalled one gets no newcomers.
    abort,  ///< It is ended by std::abort, for whoever has it started again.
    /// As `report`, but the service manager's watchdog hears nothing while one is stalled: systemd
    /// starts the process anew when that lasts for WatchdogSec. Takes `options::notify_systemd`.
    watchdog,
};

/// Every limit of a server, with its default, its unit and its reason. `server` validates them
/// before any thread starts.
struct options {
    /// Where to listen: `ADDR:PORT`, IPv6 in brackets, port 0 lets the system pick one; and what
    /// newcomers there begin with (PROXY protocol, TLS).
    std::vector<listen_options> listen{};

    /// Worker threads, each with an io_context of its own; 1 to 256. 0: one for every processor.
    std::uint32_t workers = 0;

    /// Each worker's thread runs on one processor alone, of those that the process may use in turn.
    /// For processors that nobody else uses.
    bool pin_workers = false;

    /// Slots per worker, allocated at start as address space (a page costs memory only from its
    /// first use on); up to 16,777,216. 0: an equal share of what the descriptor limit allows, at
    /// most 1,048,576.
    std::uint32_t connections_per_worker = 0;

    /// Closes a connection from which no byte was read for so long. 0: never. Comes at most a
    /// quarter of it late, or two seconds. While a peer takes no output it is not read, and the
    /// write timeout stands in; this one begins anew when the peer takes output again. 5 minutes is
    /// below the usual timeouts of NAT devices.
    std::chrono::milliseconds idle_timeout = std::chrono::minutes{5};

    /// Asks a connection from which no byte was read for so long whether it is there, by a message
    /// that its peer has to answer (`server::set_heartbeat`): once for each silence, at most a
    /// quarter late, or two seconds. Whoever answers nothing meets the idle timeout; any byte is an
    /// answer. At most half of the idle timeout, so that there is time for it. 0: nobody is asked:
    /// clients that know no such message, as MarioTCP's own, may end the connection for it.
    std::chrono::milliseconds heartbeat_interval{0};

    /// Closes a connection whose peer took none of the waiting output for so long, whether the
    /// connection is open or has been closed and waits for its last output to leave. 0: the idle
    /// timeout stands in; when both are 0, never: then only memory bounds it (`output_max_bytes`,
    /// `output_budget_bytes`).
    std::chrono::milliseconds write_timeout = std::chrono::seconds{30};

    /// How long a connection that the server closes may stay to take its last bytes: closing at
    /// once while unread input waits would send a reset and destroy replies on their way.
    std::chrono::milliseconds linger_timeout = std::chrono::seconds{1};

    /// How long a newcomer may take for what its listener asks before the first message: PROXY
    /// header and TLS handshake together. At least 1 ms.
    std::chrono::milliseconds handshake_timeout = std::chrono::seconds{10};

    /// From the first signal (or `stop()`) to the end: what is not flushed by then is cut off.
    std::chrono::milliseconds stop_timeout = std::chrono::seconds{5};

    /// After the first signal connections end spread over so long, and `stop_timeout` begins when
    /// it is over; `on_drain` tells each when to come back. 0: all at once. So that a million
    /// clients do not come back, to whoever serves them next, at one moment.
    std::chrono::milliseconds drain_spread{0};

    /// Bytes of unsent output, 64 per message included, that one connection may have; beyond it
    /// `overflow` decides. An empty queue takes one message of any size, and replies that were
    /// gathered before the peer ceased to read. Shared payloads count here in full.
    std::size_t output_max_bytes = 256 * 1024;
    /// For messages that were not sent with a policy of their own.
    overflow_policy overflow = overflow_policy::close;

    /// Bytes of unsent output, 64 per message included, that all connections together may have,
    /// over all workers. A payload that waits at many connections counts once per worker, as it is
    /// held once. From fifteen sixteenths on, the connections with the most are closed
    /// (`errc::output_budget_exceeded`), the largest first to within a factor of two. A worker
    /// looks whenever its output has grown by a 32nd of its share, after its turn. 0: none. At
    /// least 1 MiB. Whatever stands here, each worker does the same when seven eighths of its
    /// `buffer_budget_bytes` are in use.
    std::size_t output_budget_bytes = 256 * 1024 * 1024;

    /// Bytes that incomplete messages and unsent output may hold in one worker; a connection that
    /// needs more is closed (`errc::buffers_exhausted`). Bounds the memory of slow-frame attacks.
    /// At least 64 KiB; to hold one message, twice its size, as both buffers count while one grows.
    std::size_t buffer_budget_bytes = 64 * 1024 * 1024;

    /// Bytes read from one connection in one turn, and the size of a worker's output buffer; 4 KiB
    /// to 1 MiB. Larger is faster for few busy connections, and less fair among many.
    std::size_t scratch_bytes = 64 * 1024;

    /// Sockets that may wait for one worker to adopt them; a newcomer beyond is closed.
    std::uint32_t handoff_capacity = 16'384;

    /// Sends and posts from other threads that may wait for one worker, and as many joins and
    /// leaves of groups; more are refused (`errc::mailbox_full`), so that a stalled worker cannot
    /// eat the memory.
    std::uint32_t mailbox_capacity = 65'536;

    /// Broadcasts and sends to groups that may wait for one worker or be under way there; more are
    /// refused (`errc::mailbox_full`), so that a publisher faster than the workers cannot eat the
    /// memory.
    std::uint32_t broadcast_capacity = 1'024;

    /// Bytes of messages that may wait in one worker's mailbox, and as many in the broadcasts that
    /// wait for it or are under way there; more are refused (`errc::mailbox_full`). A shared
    /// payload counts for each request that carries it. An empty one takes one message of any size.
    /// At least 64 KiB.
    std::size_t mailbox_max_bytes = 64 * 1024 * 1024;

    /// Threads for handlers that block (`offload()`), 1 to 256. None is started when there is no
    /// such handler.
    std::uint32_t offload_threads = 4;

    /// Requests that may wait for one of these threads, in all, each with a copy of its message;
    /// up to 16,777,216. More are refused (`errc::offload_full`): what would wait for long is
    /// better told so at once.
    std::uint32_t offload_capacity = 1'024;

    /// Connections that the kernel completes before they are accepted; it caps this to
    /// net.core.somaxconn.
    std::uint32_t listen_backlog = 4'096;

    /// Sends small replies at once instead of waiting for an acknowledgement (TCP_NODELAY).
    bool tcp_no_delay = true;

    // Who is let in. A newcomer beyond a limit is closed at once, with a clean end of stream, and
    // counted by the limit that it met. 0: no limit.

    /// Connections in all.
    std::uint32_t connections_max = 0;

    /// Connections of one source address: an IPv4 address, or the first 64 bits of an IPv6 one,
    /// which is what one subscriber has. Costs 8 bytes per connection when on. On listeners with
    /// `proxy_protocol` this, and the rate per source, go by the client that the header names, once
    /// it has been read; where it names nobody (a proxy's own health check) neither applies.
    std::uint32_t connections_per_source_max = 0;

    /// New connections per second, of all sources together; up to 1,000,000 ...
    std::uint32_t accepts_per_second = 0;
    /// ... and so many at once, after a calm; 0: as many as in one second.
    std::uint32_t accepts_burst = 0;

    /// The same for each source address.
    std::uint32_t accepts_per_second_per_source = 0;
    /// As `accepts_burst`, for each source address.
    std::uint32_t accepts_burst_per_source = 0;

    // What a peer may do. 0: no limit.

    /// Closes a connection (`errc::first_message_timeout`) that has not sent its first complete
    /// message so long after it began. Runs in place of the idle timeout, and is not longer. Like
    /// the next one, it comes at most a quarter of it late, or two seconds; time during which the
    /// server itself does not read (a pause, output that is not taken) does not count.
    std::chrono::milliseconds first_message_timeout{0};

    /// Closes a connection (`errc::message_timeout`) that has begun a message and not completed it
    /// so long after its first byte, however often a byte comes. Runs in place of the idle timeout,
    /// and is not longer.
    std::chrono::milliseconds message_timeout{0};

    /// Messages per second of one connection; up to 1,000,000. While a connection waits for its
    /// next message to be allowed, what the server has read of it already, up to 4 KiB, stays in a
    /// buffer. Either rate costs 16 bytes per connection when on.
    std::uint32_t messages_per_second = 0;
    /// So many at once, after a calm; 0: as many as in one second. At least a hundredth of that:
    /// connections that wait are looked after every 10 to 100 ms.
    std::uint32_t messages_burst = 0;

    /// Bytes per second of one connection; 1,024 to 10,000,000,000.
    std::uint64_t bytes_per_second = 0;
    /// So many at once, after a calm; at least 1,024 and a hundredth of a second's worth. 0: as
    /// many as in one second.
    std::uint64_t bytes_burst = 0;

    /// What happens to a connection that exceeds one of these rates.
    rate_policy over_rate = rate_policy::pause;

    // Against peers that are gone without a word. Set on the listeners; accepted sockets inherit
    // it. 0: what the system does by itself.

    /// Ends a connection whose peer has not acknowledged what was sent to it for so long
    /// (TCP_USER_TIMEOUT); up to 24 days.
    std::chrono::milliseconds tcp_user_timeout{0};

    /// Asks a peer from which nothing came for so long whether it is there (SO_KEEPALIVE,
    /// TCP_KEEPIDLE); whole seconds, up to 32,767. 0: does not ask.
    std::chrono::milliseconds keepalive_idle{0};
    /// Asks again after so long (TCP_KEEPINTVL); whole seconds, up to 32,767 ...
    std::chrono::milliseconds keepalive_interval{0};
    /// ... and ends the connection after so many questions without an answer (TCP_KEEPCNT); up to
    /// 127.
    std::uint32_t keepalive_probes = 0;

    /// What carries the bytes of connections that are not TLS.
    transport_kind transport = transport_kind::epoll;

    /// `server::run()` ends on SIGINT and SIGTERM; a second signal has its default effect. SIGHUP
    /// reopens log files, reads certificates again, and calls what `server::on_reload` was given.
    bool handle_signals = true;

    /// A worker that gives no sign of life for so long is stalled: a handler holds its thread. It
    /// gets no newcomers until it goes on, and the log says which handler, with the thread's stack.
    /// At least 100 ms; 0: nobody watches. Told an eighth of it late at most.
    std::chrono::milliseconds stall_after = std::chrono::seconds{2};
    /// What is done about a stalled worker beyond telling.
    millipede::stall_policy stall_policy = millipede::stall_policy::report;

    /// The signal by which a stalled thread is asked for its stack: a real-time one that nothing
    /// else in the process uses (one with a handler is left alone, and no stacks are taken), or 0:
    /// no stacks. The system call that the stalled thread waits in, if it does, may end with EINTR.
    int stall_signal = SIGRTMIN + 8;

    // As one process among others.

    /// Tells systemd, or whoever set NOTIFY_SOCKET in the environment (Type=notify), when the
    /// server is ready, reloads and ends, how many connections it has, and, if asked to
    /// (WatchdogSec), that the thread of `run()` lives; see `stall_policy::watchdog` for the
    /// workers. Without such a variable nothing happens.
    bool notify_systemd = false;

    /// The signal after which another process takes this one's place, as `server::hand_over()` has
    /// it; 0: none does. Programs use SIGUSR2.
    int upgrade_signal = 0;
    /// That process has to be ready by then, or is ended; at least 1 ms.
    std::chrono::milliseconds upgrade_timeout = std::chrono::seconds{30};

    /// A file that has the process id while `run()` runs. Empty: none. The process that takes this
    /// one's place writes its own there.
    std::string pid_file{};

    /// Used when the program has not made a `logging` of its own.
    log_options log{};
};

/// An option that cannot work: which, why, and what would.
class invalid_option : public std::invalid_argument {
  public:
    /// \p option is the member's name; \p why says what is wrong, and what would do.
    invalid_option(std::string option, std::string const& why)
        : std::invalid_argument{option + ": " + why}, option_{std::move(option)} {}

    /// The name of the member of `options`.
    std::string const& option() const noexcept { return option_; }

  private:
    std::string option_;
};

/// Checks what can be known of a listener beforehand. \throws invalid_option
void check_listener(listen_options const& wanted);

/// Checks every limit, and puts numbers in place of "automatic": `workers`,
/// `connections_per_worker`. Raises the process's soft descriptor limit to its hard one, and
/// refuses when that is not enough for what was asked.
/// \throws invalid_option
options validated(options wanted);

/// File descriptors that a server of so many workers needs beside those of its connections.
std::uint64_t descriptors_beside(std::uint32_t workers) noexcept;

/// One line of the memory budget: `count` things of `each_bytes`.
struct budget_term {
    std::string what;         ///< What there may be.
    std::uint64_t count;      ///< How many of them, at most.
    std::uint64_t each_bytes; ///< What each takes.
    /// What all take together.
    std::uint64_t bytes() const noexcept { return count * each_bytes; }
};

/// The user memory that the limits allow a server with these (validated) options, term by term: who
/// may hold it, and how much. Without stacks, code, what posted functions keep, the buffers of
/// `transport_kind::asio` (4 to 68 KiB each), TLS (about 14 KiB each), groups (about 30 bytes for
/// each connection in each) and what handlers keep. Kernel memory for sockets comes on top, about
/// 3.8 KB each. \param slot_bytes what one connection's slot takes, session included.
std::vector<budget_term> memory_budget(options const& limits, std::size_t slot_bytes);

} // namespace millipede
