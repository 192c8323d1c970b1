// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "channels/subscriber.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

namespace comet {

/// Those of a worker who have asked for a channel and wait for the verdict of its worker: found by
/// a ticket, as they may end meanwhile. One thread. Each ticket is answered once, or its worker
/// ends.
class questions {
  public:
    /// Notes it, and returns its ticket: of its own as long as fewer than 2^32 wait.
    std::uint32_t issue(subscription& which, std::string channel);
    /// What has been answered, which is not asking any more; null when it has been withdrawn.
    subscription* answered(std::uint32_t ticket) noexcept;
    /// Nobody waits for the answer any more. Nothing when it is not asking.
    void withdraw(subscription& which) noexcept;
    /// It has not been asked after all.
    void forget(subscription& which) noexcept;
    /// How many of a connection have been withdrawn and not been answered: they take memory where
    /// they wait, and a seat in the channel for a moment.
    std::uint32_t withdrawn(millipede::connection_id whose) const noexcept;
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
    std::unordered_map<std::uint32_t, millipede::connection_id> withdrawn_; // whose that was
    std::unordered_map<std::uint64_t, std::uint32_t> counts_; // of these, by connection
    std::uint32_t newest_ = 0;
};

} // namespace comet
