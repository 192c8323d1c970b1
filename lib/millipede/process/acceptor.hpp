// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/base/error.hpp>
#include <millipede/base/log.hpp>
#include <millipede/base/metrics.hpp>
#include <millipede/base/options.hpp>
#include <millipede/process/admission.hpp>
#include <millipede/process/heritage.hpp>
#include <millipede/process/listening_socket.hpp>
#include <millipede/process/spare_descriptor.hpp>
#include <millipede/process/worker_pool.hpp>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include <poll.h>

#include <chrono>
#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <vector>

namespace millipede::detail {

/// The one that accepts, for all listeners, on the process's main thread: takes what waits until
/// there is no more, hands it to the workers, and wakes each worker at most once per batch.
/// SO_REUSEPORT stays off: one acceptor knows every worker's load, several would only guess.
class acceptor {
  public:
    /// \param workers have not been started; they ask this acceptor about newcomers until they end.
    acceptor(boost::asio::io_context& context, worker_pool& workers, options const& limits);

    /// Takes over a socket that listens; connections wait in the kernel until `start`.
    /// \param greeting what workers ask of the newcomers first, by their number for it.
    void add(listening_socket& opened, std::uint32_t protocol, std::uint16_t greeting = 0,
             bool through_proxy = false);
    void start();
    /// Closes all listeners: from now on the kernel refuses connections.
    void stop();
    /// New limits for newcomers. Those who wait in the kernel are newcomers, too.
    void reload(options const& limits) noexcept { admission_.reload(limits); }

    /// What the next process is to get. It stays open here.
    std::vector<heirloom> heirlooms();
    /// The paths of sockets that were handed over to this process are its own from now on.
    void own_paths() noexcept;
    /// Closes all listeners, and nothing else: another process accepts there.
    void leave();

    worker_metrics const& counters() const noexcept { return counters_; }

  private:
    struct listener {
        boost::asio::ip::tcp::acceptor socket;
        std::uint32_t protocol;
        std::uint16_t greeting;
        bool through_proxy;   ///< The source address is a proxy's; the worker learns the client's.
        bool waiting = false; ///< For newcomers; at most one wait each.
        std::optional<socket_path> path{}; ///< Of a Unix domain socket, as long as it listens.
        bool has_sources = true;     ///< Else a Unix domain socket: peers there have no address.
        std::string heirloom_name{}; ///< For the next process.
    };

    static void close(listener& from) noexcept;
    void wait(listener& from);
    void accept_batch(listener& from);
    void accept_rush();
    bool accept_one(listener& from);
    void let_in(accepted_socket newcomer);
    void refuse(int descriptor);
    bool exhausted(listener& from, int reason);
    void shed(listener& from);
    void recovered();
    void pause();

    worker_pool* workers_;
    options const* limits_;
    worker_metrics counters_;
    admission admission_;
    spare_descriptor spare_;
    std::list<listener> listeners_; // handlers keep references
    std::vector<pollfd> polled_;    ///< The same, in their order.
    std::chrono::steady_clock::time_point last_batch_{};
    boost::asio::steady_timer pause_timer_;
    bool paused_ = false;
    std::optional<std::chrono::steady_clock::time_point> exhausted_since_;
    bool told_of_exhaustion_ = false; ///< In the log.
    log_limiter full_{1, std::chrono::seconds{1}};
    log_limiter failures_{1, std::chrono::seconds{10}};
};

} // namespace millipede::detail
