// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <string>
#include <string_view>

#include <sys/socket.h>

namespace peers {

/// An IP address and a port, as the system's calls take them.
struct endpoint {
    sockaddr_storage storage{};
    socklen_t size_bytes = 0;

    sockaddr* address() { return reinterpret_cast<sockaddr*>(&storage); }
    sockaddr const* address() const { return reinterpret_cast<sockaddr const*>(&storage); }
};

/// Reads 127.0.0.1:8082 or [::1]:8082. \throws std::invalid_argument
endpoint parse_endpoint(std::string_view text);

std::string to_string(endpoint const& place);

/// Where a listening socket stands: with port 0 the system has chosen one.
endpoint endpoint_of(int socket);

} // namespace peers
