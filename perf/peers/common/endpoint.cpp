// SPDX-License-Identifier: BSL-1.0
#include "common/endpoint.hpp"

#include "common/descriptor.hpp"

#include <array>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <optional>
#include <stdexcept>

#include <arpa/inet.h>
#include <netinet/in.h>

namespace peers {

namespace {

// The system's address structures are read and written as copies: they may not be aliased.
template <typename Address>
endpoint stored(Address const& address) {
    endpoint place;
    std::memcpy(&place.storage, &address, sizeof address);
    place.size_bytes = sizeof address;
    return place;
}

template <typename Address>
Address loaded(endpoint const& place) {
    Address address{};
    std::memcpy(&address, &place.storage, sizeof address);
    return address;
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
    std::uint16_t port = 0;
    auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), port);
    if (failure != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return port;
}

} // namespace

endpoint parse_endpoint(std::string_view text) {
    auto refusal = [&](char const* why) {
        return std::invalid_argument{"'" + std::string{text} + "' is not ADDR:PORT: " + why};
    };
    auto colon = text.rfind(':');
    if (colon == std::string_view::npos) throw refusal("the port is missing");
    auto port = parse_port(text.substr(colon + 1));
    if (!port) throw refusal("the port is a number from 0 to 65535");

    std::string host{text.substr(0, colon)};
    if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
        sockaddr_in6 address{};
        address.sin6_family = AF_INET6;
        address.sin6_port = htons(*port);
        if (::inet_pton(AF_INET6, host.substr(1, host.size() - 2).c_str(), &address.sin6_addr) == 1)
            return stored(address);
    } else {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(*port);
        if (::inet_pton(AF_INET, host.c_str(), &address.sin_addr) == 1) return stored(address);
    }
    throw refusal("the address is an IPv4 address, or an IPv6 address in brackets");
}

std::string to_string(endpoint const& place) {
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (place.storage.ss_family == AF_INET6) {
        auto address = loaded<sockaddr_in6>(place);
        ::inet_ntop(AF_INET6, &address.sin6_addr, text.data(), text.size());
        return std::string{"["} + text.data() + "]:" + std::to_string(ntohs(address.sin6_port));
    }
    auto address = loaded<sockaddr_in>(place);
    ::inet_ntop(AF_INET, &address.sin_addr, text.data(), text.size());
    return std::string{text.data()} + ":" + std::to_string(ntohs(address.sin_port));
}

endpoint endpoint_of(int socket) {
    endpoint place;
    place.size_bytes = sizeof place.storage;
    checked(::getsockname(socket, place.address(), &place.size_bytes), "getsockname");
    return place;
}

} // namespace peers
