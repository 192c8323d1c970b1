// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "common/descriptor.hpp"

#include <cerrno>
#include <csignal>
#include <utility>

#include <poll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

namespace peers {

/// SIGINT and SIGTERM as a descriptor that becomes readable. To be made before any other thread,
/// for threads inherit that the signals are blocked.
inline descriptor make_stop_signal() {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    return descriptor{checked(::signalfd(-1, &signals, SFD_CLOEXEC), "signalfd")};
}

/// Accepts on this thread until the stop signal comes: whenever somebody waits, all who wait.
/// `hand_over(socket)` takes each non-blocking socket.
template <typename HandOver>
void accept_until_stopped(int listener, int stop_signal, HandOver hand_over) {
    // With no descriptor or memory left, trying again at once would burn a core in vain.
    constexpr int exhausted_pause_ms = 50;
    pollfd watched[] = {{stop_signal, POLLIN, 0}, {listener, POLLIN, 0}};
    for (;;) {
        ::poll(watched, 2, -1);
        if (watched[0].revents != 0) return;
        int socket = -1;
        while ((socket = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
            hand_over(descriptor{socket});
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
            ::poll(watched, 1, exhausted_pause_ms);
    }
}

} // namespace peers
