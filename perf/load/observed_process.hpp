// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <istream>

#include <sys/types.h>

namespace load {

// What the process on the other side used, as far as it was asked.
struct observation {
    std::int64_t cpu_ns = 0; // while the load ran; threads that have ended since included
    std::uint64_t memory_bytes_before = 0; // before the first connection
    std::uint64_t memory_bytes_open = 0;   // after the load, before the first close
    std::uint64_t connections_open = 0;    // at that moment
};

// Another process as /proc and its CPU clock show it. The functions throw std::runtime_error with
// a sentence when it has ended or may not be read.
class observed_process {
  public:
    explicit observed_process(pid_t id) : id_{id} {}

    pid_t id() const { return id_; }
    // The kernel's exact run time (the one in schedstat) of all its threads, not a count of ticks.
    std::int64_t cpu_ns() const;
    // What is the process's own: pages of its program and libraries are left out, for who else has
    // them mapped, and which of them ran already, says nothing about connections.
    std::uint64_t memory_bytes() const;

  private:
    pid_t id_;
};

// The sum of private dirty and swapped-out bytes in the text of a smaps_rollup; 0 if it has none.
std::uint64_t own_memory_bytes(std::istream& rollup);

} // namespace load
