// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <boost/asio/ip/tcp.hpp>

#include <string>
#include <string_view>

namespace millipede {

/// Reads `ADDR:PORT`, where ADDR is an IPv4 address or an IPv6 address in brackets: "0.0.0.0:8082",
/// "[::]:8082". Port 0 lets the system pick one. Names are not resolved.
/// \throws std::invalid_argument saying what is wrong with `text`.
boost::asio::ip::tcp::endpoint parse_endpoint(std::string_view text);

/// The reverse of `parse_endpoint`.
std::string to_string(boost::asio::ip::tcp::endpoint const& endpoint);

} // namespace millipede
