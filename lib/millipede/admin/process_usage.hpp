// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>

namespace millipede::detail {

/// What this process takes of the machine, as the kernel counts it. What cannot be read is 0.
struct process_usage {
    std::uint64_t resident_bytes = 0;
    std::uint64_t anonymous_bytes = 0; ///< Of these, what is no file's: heap, slots, stacks.
    double cpu_seconds = 0;
    std::uint64_t descriptors = 0; ///< Known since Linux 6.2.
    std::uint64_t descriptors_max = 0;

    /// A few system calls, however large the process is.
    static process_usage now();
};

} // namespace millipede::detail
