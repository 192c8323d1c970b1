// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <boost/asio/ip/tcp.hpp>

#include <string>
#include <string_view>
#include <variant>

namespace millipede {

/// A Unix domain socket by its path: `unix:/run/service.sock`.
struct unix_address {
    /// Where, in the file system.
    std::string path;
    friend bool operator==(unix_address const&, unix_address const&) = default;
};

/// A listening socket that whoever started the process has handed over, by its number: `fd:3`.
struct inherited_address {
    /// Its number.
    int descriptor = 0;
    friend bool operator==(inherited_address const&, inherited_address const&) = default;
};

/// The listening sockets that systemd has handed over (LISTEN_FDS): those of a name
/// (FileDescriptorName= of the socket unit), `systemd:web`, or all, `systemd:`.
struct systemd_address {
    std::string name; ///< Empty: all.
    friend bool operator==(systemd_address const&, systemd_address const&) = default;
};

/// Where to listen.
using listen_address =
    std::variant<boost::asio::ip::tcp::endpoint, unix_address, inherited_address, systemd_address>;

/// Reads one of the forms above, or `ADDR:PORT` as `parse_endpoint` does. A path has up to 107
/// bytes, as many as the system takes. \throws std::invalid_argument saying what is wrong.
listen_address parse_listen_address(std::string_view text);

/// The reverse of `parse_listen_address`.
std::string to_string(listen_address const& address);

} // namespace millipede
