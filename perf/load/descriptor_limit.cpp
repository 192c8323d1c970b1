// SPDX-License-Identifier: BSL-1.0
#include "descriptor_limit.hpp"

#include <algorithm>
#include <fstream>

#include <sys/resource.h>

namespace load {

std::uint64_t raise_descriptor_limit(std::uint64_t needed) {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
    auto raised = limit;
    raised.rlim_cur = raised.rlim_max = std::max<rlim_t>(limit.rlim_max, needed);
    if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) return raised.rlim_cur;
    raised.rlim_cur = raised.rlim_max = limit.rlim_max;
    return ::setrlimit(RLIMIT_NOFILE, &raised) == 0 ? raised.rlim_cur : limit.rlim_cur;
}

std::uint64_t descriptor_limit_max() {
    std::uint64_t limit = 0;
    std::ifstream{"/proc/sys/fs/nr_open"} >> limit;
    return limit;
}

std::uint64_t descriptors_needed(std::uint64_t connections, std::uint64_t threads) {
    return connections + 2 * threads + 64;
}

std::string descriptor_shortage(std::uint64_t needed, std::uint64_t limit,
                                std::uint64_t limit_max) {
    if (needed <= limit) return {};
    auto const amount = std::to_string(needed);
    auto const sysctl =
        limit_max != 0 && needed > limit_max
            ? " after sysctl fs.nr_open=" + amount + " (now " + std::to_string(limit_max) + ")"
            : "";
    return amount + " descriptors are needed, but the hard limit is " + std::to_string(limit) +
           ": raise it as root (ulimit -Hn " + amount + ")" + sysctl;
}

} // namespace load
