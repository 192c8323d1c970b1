// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "channels/subscriber.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

namespace comet {

/// Those of a worker who have asked for a channel and wait for the verdict of its worker: found by
/// a ticket, as they may end meanwhile. One thread.
class questions {
  public:
    /// Notes it, and returns its ticket: of its own as long as fewer than 2^32 wait.
    std::uint32_t issue(subscription& which, std::string channel);
    /// What has been answered, which is not asking any more; null when it has been withdrawn.
    subscription* answered(std::uint32_t ticket) noexcept;
    /// Nobody waits for the answer any more. Nothing when it is not asking.
    void withdraw(subscription& which) noexcept;
    /// All of a connection.
    void withdraw_all(subscriber& who) noexcept;
    /// What `which`, which is asking, has asked for.
    std::string_view channel(subscription const& which) const;

  private:
    struct question {
        subscription* which;
        std::string channel;
    };

    std::unordered_map<std::uint32_t, question> waiting_;
    std::uint32_t newest_ = 0;
};

} // namespace comet
