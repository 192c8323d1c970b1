// SPDX-License-Identifier: BSL-1.0
#include "target.hpp"

#include "quantity.hpp"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <memory>
#include <stdexcept>

#include <arpa/inet.h>
#include <netdb.h>

namespace load {

namespace {

[[noreturn]] void refuse(std::string_view text, std::string_view why) {
    throw std::invalid_argument("target '" + std::string{text} + "' " + std::string{why});
}

struct host_and_port {
    std::string host;
    std::string port;
};

host_and_port split(std::string_view text) {
    auto const colon = text.rfind(':');
    if (colon == std::string_view::npos || colon == 0) refuse(text, "is not HOST:PORT");
    auto host = text.substr(0, colon);
    if (host.starts_with('[') && host.ends_with(']'))
        host = host.substr(1, host.size() - 2);
    else if (host.find(':') != std::string_view::npos)
        refuse(text, "needs [brackets] around IPv6");
    auto const port = text.substr(colon + 1);
    try {
        auto const number = parse_integer(port);
        if (number == 0 || number > 65'535) refuse(text, "has no port between 1 and 65535");
        return {std::string{host}, std::to_string(number)};
    } catch (std::invalid_argument const&) {
        refuse(text, "has no port between 1 and 65535");
    }
}

bool in_loopback_network(sockaddr_storage const& address) {
    if (address.ss_family != AF_INET) return false;
    sockaddr_in ipv4{};
    std::memcpy(&ipv4, &address, sizeof ipv4);
    return (ntohl(ipv4.sin_addr.s_addr) >> 24) == 127;
}

bool ipv6_loopback(sockaddr_storage const& address) {
    if (address.ss_family != AF_INET6) return false;
    sockaddr_in6 ipv6{};
    std::memcpy(&ipv6, &address, sizeof ipv6);
    return std::memcmp(&ipv6.sin6_addr, &in6addr_loopback, sizeof in6addr_loopback) == 0;
}

} // namespace

target parse_target(std::string_view text, bool allow_remote) {
    auto [host, port] = split(text);
    if (host == "localhost") host = "127.0.0.1";
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    // Without allow_remote not even a name server is asked.
    hints.ai_flags = AI_NUMERICSERV | (allow_remote ? 0 : AI_NUMERICHOST);
    addrinfo* found = nullptr;
    if (auto const error = ::getaddrinfo(host.c_str(), port.c_str(), &hints, &found); error != 0) {
        if (allow_remote) refuse(text, std::string{"is unknown: "} + ::gai_strerror(error));
        refuse(text, "is not in 127.0.0.0/8 and not ::1; --allow-remote permits others");
    }
    std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> const owner{found, &::freeaddrinfo};

    target result{.text = std::string{text}};
    std::memcpy(&result.address, found->ai_addr, found->ai_addrlen);
    result.address_bytes = found->ai_addrlen;
    result.in_loopback_network = in_loopback_network(result.address);
    if (!allow_remote && !result.in_loopback_network && !ipv6_loopback(result.address))
        refuse(text, "is not in 127.0.0.0/8 and not ::1; --allow-remote permits others");
    return result;
}

sockaddr_in source_address(std::uint32_t index) {
    sockaddr_in result{};
    result.sin_family = AF_INET;
    result.sin_addr.s_addr = htonl(INADDR_LOOPBACK + index);
    return result;
}

port_range local_ports() {
    port_range read;
    std::ifstream file{"/proc/sys/net/ipv4/ip_local_port_range"};
    return file >> read.first >> read.last && read.first <= read.last ? read : port_range{};
}

std::uint32_t enough_source_addresses(std::uint64_t ports_in_use_max, port_range ports) {
    // connect() tries every other port first and becomes slow once they are gone: half of them.
    auto const ports_per_address =
        std::max<std::uint64_t>((std::uint64_t{ports.last} - ports.first + 1) / 2, 1);
    auto const count = (ports_in_use_max + ports_per_address - 1) / ports_per_address;
    return static_cast<std::uint32_t>(std::clamp<std::uint64_t>(count, 1, source_addresses_max));
}

} // namespace load
