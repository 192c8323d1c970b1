// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/admin/http_site.hpp>
#include <millipede/base/error.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <string>

namespace millipede::detail {

class http_session;

/// How much an HTTP server takes upon itself.
struct http_limits {
    std::uint32_t connections_max;
    std::uint32_t streams_max;
    std::chrono::milliseconds request_timeout;
    std::chrono::milliseconds idle_timeout;
    std::chrono::milliseconds event_timeout;
};

/// Serves a site to few clients, on one thread that has other things to do: whoever is too many,
/// too slow or says too much is sent away. Sessions keep it alive as long as they last.
class http_server : public std::enable_shared_from_this<http_server> {
  public:
    using tcp = boost::asio::ip::tcp;

    /// Binds, or takes the socket that the process before this one hands over for the same place.
    /// \throws listen_error
    http_server(boost::asio::io_context& context, tcp::endpoint const& where, http_limits limits);

    /// Accepts from now on, until another process takes this one's place. When the site is gone,
    /// nobody is served any more.
    void start(std::weak_ptr<http_site> site);
    /// Cuts everybody off, and accepts nobody any more.
    void close() noexcept;

    tcp::endpoint local_endpoint() const noexcept { return local_endpoint_; }
    /// Whether newcomers come here, and not to another process or to nobody.
    bool accepts() const noexcept { return acceptor_.is_open(); }
    std::size_t connections() const noexcept { return sessions_.size(); }

    // For its sessions.
    http_limits const& limits() const noexcept { return limits_; }
    std::shared_ptr<http_site> site() const noexcept { return site_.lock(); }
    void joins(http_session& session) { sessions_.insert(&session); }
    void leaves(http_session& session) noexcept { sessions_.erase(&session); }
    /// A place among the streams. False when all are taken.
    bool take_stream() noexcept;
    void give_back_stream() noexcept { --streams_; }

  private:
    void open(tcp::endpoint const& where);
    void leave() noexcept;
    void accept() noexcept;
    void accept_later() noexcept;
    void accepted(error_code code, tcp::socket socket) noexcept;
    void refuse(tcp::socket socket);

    tcp::acceptor acceptor_;
    std::string heirloom_name_; // for the next process
    tcp::endpoint local_endpoint_;
    boost::asio::steady_timer pause_;
    http_limits limits_;
    std::weak_ptr<http_site> site_;
    std::set<http_session*> sessions_;
    std::uint32_t streams_ = 0;
};

} // namespace millipede::detail
