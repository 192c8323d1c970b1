// SPDX-License-Identifier: BSL-1.0
#include "common/listener.hpp"

#include "common/options.hpp"

#include <cerrno>
#include <iostream>
#include <system_error>

#include <netinet/in.h>
#include <netinet/tcp.h>

namespace peers {

namespace {

void switch_on(int socket, int level, int option) {
    int const on = 1;
    checked(::setsockopt(socket, level, option, &on, sizeof on), "setsockopt");
}

usage_error cannot_listen(endpoint const& place) {
    return usage_error{"--listen: cannot listen on " + to_string(place) + ": " +
                       std::system_category().message(errno) + "; choose another address or port"};
}

} // namespace

descriptor listen_on(endpoint const& place) {
    auto const family = place.storage.ss_family;
    descriptor listener{::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    if (listener.get() < 0) throw cannot_listen(place);
    switch_on(listener.get(), SOL_SOCKET, SO_REUSEADDR);
    switch_on(listener.get(), IPPROTO_TCP, TCP_NODELAY);
    if (family == AF_INET6) switch_on(listener.get(), IPPROTO_IPV6, IPV6_V6ONLY);
    if (::bind(listener.get(), place.address(), place.size_bytes) != 0 ||
        ::listen(listener.get(), SOMAXCONN) != 0)
        throw cannot_listen(place);
    return listener;
}

void announce(int listener) {
    std::cout << "listening on " << to_string(endpoint_of(listener)) << std::endl;
}

} // namespace peers
