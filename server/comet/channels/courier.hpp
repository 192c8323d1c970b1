// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/base/error.hpp>

#include <cstdint>
#include <deque>
#include <functional>
#include <utility>
#include <vector>

namespace comet {

/// What one worker tells the others: all of it, and in order. What a full mailbox does not take
/// waits here, and what comes behind it for the same worker, too; or else a subscriber might miss a
/// message, or be counted for ever. As much can wait as those who let it be sent have bounds for.
/// One thread.
template <class Server>
class courier {
  public:
    courier(Server& server, std::uint32_t workers) : server_{&server}, waiting_(workers) {}

    /// Has `f()`, which can be copied, run on the thread of `worker`. \returns false when the
    /// server ends, and it never will.
    template <class F>
    bool tell(std::uint32_t worker, F f) {
        auto& waiting = waiting_[worker];
        if (waiting.empty()) {
            auto failure = server_->post_to(worker, f);
            if (failure != millipede::errc::mailbox_full) return !failure;
        }
        waiting.push_back(std::move(f));
        return true;
    }

    /// Tries again what waits: to be called each second.
    void retry() {
        for (std::uint32_t worker = 0; worker < waiting_.size(); ++worker) {
            auto& waiting = waiting_[worker];
            while (!waiting.empty()) {
                if (server_->post_to(worker, waiting.front()) == millipede::errc::mailbox_full)
                    break;
                waiting.pop_front();
            }
        }
    }

  private:
    Server* server_;
    std::vector<std::deque<std::function<void()>>> waiting_;
};

} // namespace comet
