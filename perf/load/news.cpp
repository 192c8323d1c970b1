// SPDX-License-Identifier: BSL-1.0
#include "news.hpp"

#include "time.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <system_error>

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

namespace load {

news::news() {
    // Blocked here, before any thread exists, so that every thread inherits it.
    sigset_t wanted;
    sigemptyset(&wanted);
    sigaddset(&wanted, SIGINT);
    sigaddset(&wanted, SIGTERM);
    ::pthread_sigmask(SIG_BLOCK, &wanted, nullptr);
    signals_ = ::signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK);
    words_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (signals_ < 0 || words_ < 0)
        throw std::system_error(errno, std::generic_category(), "signalfd or eventfd");
}

news::~news() {
    ::close(signals_);
    ::close(words_);
}

std::function<void()> news::teller() const {
    return [descriptor = words_] {
        std::uint64_t const one = 1;
        [[maybe_unused]] auto const written = ::write(descriptor, &one, sizeof one);
    };
}

int news::wait(std::int64_t until_ns) {
    pollfd watched[] = {{.fd = words_, .events = POLLIN, .revents = 0},
                        {.fd = signals_, .events = POLLIN, .revents = 0}};
    auto const left_ns = std::clamp<std::int64_t>(until_ns - now_ns(), 0, 10 * second_ns);
    timespec const timeout{.tv_sec = static_cast<time_t>(left_ns / second_ns),
                           .tv_nsec = static_cast<long>(left_ns % second_ns)};
    if (::ppoll(watched, 2, &timeout, nullptr) <= 0) return 0;
    std::uint64_t ignored = 0;
    [[maybe_unused]] auto const bytes = ::read(words_, &ignored, sizeof ignored);
    int count = 0;
    signalfd_siginfo signal{};
    while (::read(signals_, &signal, sizeof signal) == sizeof signal)
        ++count;
    return count;
}

} // namespace load
