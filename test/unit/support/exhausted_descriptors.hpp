// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <sys/resource.h>
#include <unistd.h>

namespace millipede::test {

/// Nothing is left in this process to open, until the end of its life.
class exhausted_descriptors {
  public:
    exhausted_descriptors() {
        ::getrlimit(RLIMIT_NOFILE, &before_);
        auto lowered = before_;
        int next = ::dup(STDERR_FILENO); // the lowest that is free: all below are in use
        ::close(next);
        lowered.rlim_cur = static_cast<rlim_t>(next);
        ::setrlimit(RLIMIT_NOFILE, &lowered);
    }
    ~exhausted_descriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }
    exhausted_descriptors(exhausted_descriptors const&) = delete;
    exhausted_descriptors& operator=(exhausted_descriptors const&) = delete;

  private:
    rlimit before_{};
};

} // namespace millipede::test
