// SPDX-License-Identifier: BSL-1.0
#include "connector.hpp"

#include <cerrno>
#include <utility>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

namespace load {

connector::connector(options const& settings, std::uint32_t first_source)
    : target_{settings.server},
      sources_{settings.sources},
      // Only several small requests in flight can meet Nagle's algorithm.
      no_delay_{settings.depth > 1 || settings.size_bytes > 1'400},
      next_source_{first_source % settings.sources} {}

connector::result connector::begin() {
    auto const source = std::exchange(next_source_, (next_source_ + 1) % sources_);
    auto const family = target_.address.ss_family;
    int const descriptor = ::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (descriptor < 0) return {.error = errno};
    auto const give_up = [descriptor] {
        auto const error = errno;
        ::close(descriptor);
        return result{.error = error};
    };
    int const on = 1;
    // With one source the kernel's own choice is as good and saves two calls.
    if (sources_ > 1) {
        auto const local = source_address(source);
        // The port is chosen at connect(), by the whole four-tuple: ports are per source address
        // and target then, not one set for all.
        if (::setsockopt(descriptor, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on) != 0)
            return give_up();
        if (::bind(descriptor, reinterpret_cast<sockaddr const*>(&local), sizeof local) != 0)
            return give_up();
    }
    if (no_delay_) ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    auto const address = reinterpret_cast<sockaddr const*>(&target_.address);
    if (::connect(descriptor, address, target_.address_bytes) != 0 && errno != EINPROGRESS)
        return give_up();
    return {.descriptor = descriptor, .source = static_cast<std::uint16_t>(source)};
}

void close_socket(int descriptor, bool reset) {
    if (reset) {
        linger const at_once{.l_onoff = 1, .l_linger = 0};
        ::setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    }
    ::close(descriptor);
}

} // namespace load
