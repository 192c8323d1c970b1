// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <boost/asio/ip/tcp.hpp>

#include <cstddef>
#include <optional>
#include <span>

namespace millipede::detail {

/// The longest PROXY header that is read. Version 1 ends within 107 bytes; the specification asks
/// that version 2 fit the smallest segment, which is this, and nobody shall make us wait for its
/// 65,551.
inline constexpr std::size_t proxy_header_bytes_max = 536;

/// What some bytes at the beginning of a stream are, by the PROXY protocol's specification
/// (haproxy.org, proxy-protocol.txt), versions 1 and 2.
struct proxy_header {
    enum class status {
        incomplete, ///< So far it may be one.
        whole,      ///< It is one, of `size` bytes; the rest belongs to the connection.
        refused,    ///< It is none, or one that is not allowed.
    };
    status found = status::incomplete;
    std::size_t size = 0;
    /// Who connected to the proxy. Nothing when the proxy speaks for itself (LOCAL, a health
    /// check) or does not tell an internet address (UNKNOWN, UNSPEC, a Unix socket).
    std::optional<boost::asio::ip::tcp::endpoint> client{};
};

/// Reads the header that `bytes`, a stream's beginning, starts with. Keeps nothing between calls:
/// give it all bytes so far, up to `proxy_header_bytes_max`; refuses as early as can be known.
proxy_header read_proxy_header(std::span<std::byte const> bytes) noexcept;

} // namespace millipede::detail
