// SPDX-License-Identifier: BSL-1.0
#include <millipede/process/inherited_options.hpp>

#include <boost/system/system_error.hpp>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>

namespace millipede::detail {
namespace {

using namespace std::chrono_literals;

void set_option(int descriptor, int level, int name, long long value) {
    auto number = static_cast<int>(value);
    if (::setsockopt(descriptor, level, name, &number, sizeof number) != 0)
        throw boost::system::system_error{errno, boost::system::system_category(), "setsockopt"};
}

void set_seconds(int descriptor, int name, std::chrono::milliseconds value) {
    if (value > 0ms) set_option(descriptor, IPPROTO_TCP, name, value / 1s);
}

} // namespace

void set_inherited_options(int listener, options const& limits) {
    set_option(listener, IPPROTO_TCP, TCP_NODELAY, limits.tcp_no_delay ? 1 : 0);
    if (limits.tcp_user_timeout > 0ms)
        set_option(listener, IPPROTO_TCP, TCP_USER_TIMEOUT, limits.tcp_user_timeout.count());
    if (limits.keepalive_idle == 0ms) return;
    set_option(listener, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_seconds(listener, TCP_KEEPIDLE, limits.keepalive_idle);
    set_seconds(listener, TCP_KEEPINTVL, limits.keepalive_interval);
    if (limits.keepalive_probes != 0)
        set_option(listener, IPPROTO_TCP, TCP_KEEPCNT, limits.keepalive_probes);
}

} // namespace millipede::detail
