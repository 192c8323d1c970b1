// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <pthread.h>

#include <chrono>
#include <string>
#include <vector>

namespace millipede::detail {

/// Asks another thread of this process for its call stack, by a signal: the handler only walks the
/// stack into memory that is there already (Boost.Stacktrace's safe dump); names are looked up by
/// the thread that asked. One for all that use the same signal; it stays installed for the life of
/// the process, because a signal that arrives after the handler has gone would end it.
class thread_stack {
  public:
    /// \param signal a real-time signal; 0: no stacks.
    explicit thread_stack(int signal);

    /// False when the signal is 0 or has another handler already.
    bool usable() const noexcept { return usable_; }

    /// The functions that `thread` is in, innermost first, one per entry; empty when it does not
    /// answer in time (it blocks the signal, or the kernel holds it), or when not usable.
    /// `thread` has not been joined. Any thread but `thread`. \throws std::bad_alloc
    std::vector<std::string> of(pthread_t thread, std::chrono::milliseconds patience) const;

  private:
    int signal_;
    bool usable_ = false;
};

} // namespace millipede::detail
