// SPDX-License-Identifier: BSL-1.0
#include <millipede/process/service_manager.hpp>

#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>

namespace millipede::detail {
namespace {

constexpr timeval patience{.tv_sec = 0, .tv_usec = 500'000};

std::string_view variable(char const* name) noexcept {
    auto const* value = std::getenv(name);
    return value ? value : "";
}

// 0 for what is no number.
long long number_of(std::string_view text) noexcept {
    long long number = 0;
    auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
    return failure == std::errc{} && end == text.data() + text.size() ? number : 0;
}

// For another process of the service when it names one that is not this.
bool meant_for_this_process(std::string_view process) noexcept {
    return process.empty() || number_of(process) == ::getpid();
}

} // namespace

service_manager::service_manager() {
    auto where = variable("NOTIFY_SOCKET"); // a path, or an abstract name behind an @
    bool understood = where.starts_with('/') || where.starts_with('@');
    if (!understood || where.size() < 2 || where.size() >= sizeof address_.sun_path) return;
    address_.sun_family = AF_UNIX;
    std::memcpy(address_.sun_path, where.data(), where.size());
    auto length = offsetof(sockaddr_un, sun_path) + where.size();
    if (where.front() == '@')
        address_.sun_path[0] = '\0';
    else
        ++length; // the zero byte belongs to a path
    address_size_ = static_cast<socklen_t>(length);
    descriptor_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (descriptor_ < 0) return;
    ::setsockopt(descriptor_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    auto interval = number_of(variable("WATCHDOG_USEC"));
    if (interval > 0 && meant_for_this_process(variable("WATCHDOG_PID")))
        watchdog_ = std::chrono::microseconds{interval};
}

service_manager::~service_manager() {
    if (descriptor_ >= 0) ::close(descriptor_);
}

bool service_manager::mention(std::string_view lines) noexcept {
    return send(lines, MSG_DONTWAIT);
}

bool service_manager::send(std::string_view lines, int flags) noexcept {
    if (!present()) return false;
    ssize_t sent = 0;
    do {
        sent = ::sendto(descriptor_, lines.data(), lines.size(), MSG_NOSIGNAL | flags,
                        reinterpret_cast<sockaddr const*>(&address_), address_size_);
    } while (sent < 0 && errno == EINTR);
    return sent == static_cast<ssize_t>(lines.size());
}

} // namespace millipede::detail
