// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <chrono>
#include <optional>
#include <string_view>

namespace millipede::detail {

/// Whoever started this process and wants to know how it goes, by the protocol of sd_notify(3):
/// NOTIFY_SOCKET, and WATCHDOG_USEC, in the environment. One thread.
class service_manager {
  public:
    /// As the environment says now. There may be none.
    service_manager();
    ~service_manager();
    service_manager(service_manager const&) = delete;
    service_manager& operator=(service_manager const&) = delete;

    /// Whether there is one.
    bool present() const noexcept { return descriptor_ >= 0; }
    /// How long it lets pass without a `WATCHDOG=1`, if it watches this process.
    std::optional<std::chrono::microseconds> watchdog() const noexcept { return watchdog_; }

    /// Says lines of NAME=VALUE, as one datagram; when it does not take any, this waits for up to
    /// half a second. \returns whether it was said.
    bool tell(std::string_view lines) noexcept { return send(lines, 0); }
    /// The same for what will be said again before long: does not wait.
    bool mention(std::string_view lines) noexcept;

  private:
    bool send(std::string_view lines, int flags) noexcept;

    int descriptor_ = -1;
    sockaddr_un address_{};
    socklen_t address_size_ = 0;
    std::optional<std::chrono::microseconds> watchdog_;
};

} // namespace millipede::detail
