// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/base/source_key.hpp>

#include <boost/lockfree/spsc_queue.hpp>

#include <cassert>
#include <cstddef>

namespace millipede::detail {

/// The way back of `handoff`: tells whoever decides on newcomers where the connections came from
/// that have ended on one worker's thread, without locks, so that those can be counted that there
/// are per source.
class departures {
  public:
    /// \param present_max how many connections may be on their way to the worker or on it at a
    /// time, as long as what there is is taken before the next one comes in.
    explicit departures(std::size_t present_max) : queue_{present_max + unseen_max} {}

    /// Worker's thread.
    void push(source_key source) noexcept {
        [[maybe_unused]] bool pushed = queue_.push(source);
        assert(pushed);
    }
    /// Whoever decides on newcomers, one thread at a time. Calls `f(source_key)` for each.
    template <class F>
    void take_all(F f) {
        queue_.consume_all(f);
    }

  private:
    // Pushed, and not yet seen by the acceptor, which sees the room in the slots already.
    static constexpr std::size_t unseen_max = 1'024;

    boost::lockfree::spsc_queue<source_key> queue_;
};

} // namespace millipede::detail
