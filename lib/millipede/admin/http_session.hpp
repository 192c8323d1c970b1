// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/admin/http_message.hpp>
#include <millipede/admin/http_server.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/error.hpp>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace millipede::detail {

/// One client of an HTTP server, request after request. One thread.
class http_session : public std::enable_shared_from_this<http_session> {
  public:
    http_session(std::shared_ptr<http_server> server, http_server::tcp::socket socket);
    ~http_session();
    http_session(http_session const&) = delete;
    http_session& operator=(http_session const&) = delete;

    void start();
    /// Ends it now.
    void cut() noexcept;

  private:
    template <class T>
    using awaitable = boost::asio::awaitable<T>;

    struct received {
        http_request request;
        unsigned version = 11;
        bool keep_alive = false;
    };

    awaitable<void> talk();
    awaitable<bool> await_request();
    awaitable<std::optional<received>> receive();
    awaitable<bool> send(http_response const& response, unsigned version, bool head,
                         bool keep_alive);
    awaitable<void> refuse(error_code code);
    awaitable<void> stream_events();
    awaitable<bool> write(std::string_view bytes);
    awaitable<void> end();

    std::shared_ptr<http_server> server_;
    boost::beast::tcp_stream stream_;
    boost::asio::steady_timer timer_;
    boost::beast::flat_buffer buffer_;
};

} // namespace millipede::detail
