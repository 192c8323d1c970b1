// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/admin/http_message.hpp>

#include <boost/asio/awaitable.hpp>

#include <memory>
#include <string>

namespace millipede::detail {

/// What an HTTP server serves. One thread.
class http_site {
  public:
    virtual ~http_site() = default;

    /// What is to be answered. Exceptions end the connection.
    virtual boost::asio::awaitable<http_response> answer(http_request const& request) = 0;
    /// The present event of its stream, with the lines that make it one.
    virtual std::shared_ptr<std::string const> event() = 0;
    /// An answer of that status goes out.
    virtual void count_answer(unsigned status) = 0;
};

} // namespace millipede::detail
