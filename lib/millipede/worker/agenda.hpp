// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <utility>
#include <vector>

namespace millipede::detail {

/// Connections to come back to, by their tokens, in the order they were noted. To note one never
/// fails: when there is no memory for its token the agenda knows that it is incomplete, and its
/// owner looks at all connections, each of which says by a flag that it waits. One thread.
class agenda {
  public:
    bool empty() const noexcept { return !pending_; }

    void note(std::uint64_t token) noexcept {
        pending_ = true;
        try {
            noted_.push_back(token);
        } catch (std::bad_alloc const&) {
            incomplete_ = true;
        }
    }

    /// Calls `f(token)` for all that were noted, and `look_at_all()` when some could not be. What
    /// these note in turn waits for the next time. When `f` throws, those behind it are kept; when
    /// `look_at_all` does, it is called again.
    template <class F, class LookAtAll>
    void work_off(F f, LookAtAll look_at_all) {
        if (next_ == taken_.size()) {
            next_ = 0;
            taken_.clear();
            taken_.swap(noted_);
        }
        while (next_ != taken_.size())
            f(taken_[next_++]);
        if (std::exchange(incomplete_, false)) {
            try {
                look_at_all();
            } catch (...) { // an exception, or the end of the thread
                incomplete_ = true;
                throw;
            }
        }
        pending_ = !noted_.empty() || incomplete_;
    }

  private:
    std::vector<std::uint64_t> noted_;
    std::vector<std::uint64_t> taken_; // being worked off: those before next_ are done
    std::size_t next_ = 0;
    bool incomplete_ = false;
    bool pending_ = false;
};

} // namespace millipede::detail
