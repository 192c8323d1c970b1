// SPDX-License-Identifier: BSL-1.0
#include <millipede/admin/process_usage.hpp>

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

namespace millipede::detail {
namespace {

double in_seconds(::timeval const& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

} // namespace

process_usage process_usage::now() {
    process_usage usage;
    auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    std::uint64_t size = 0, resident = 0, shared = 0;
    if (std::ifstream{"/proc/self/statm"} >> size >> resident >> shared) {
        usage.resident_bytes = resident * page;
        usage.anonymous_bytes = (resident - shared) * page;
    }
    ::rusage used{};
    if (::getrusage(RUSAGE_SELF, &used) == 0)
        usage.cpu_seconds = in_seconds(used.ru_utime) + in_seconds(used.ru_stime);
    ::rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) usage.descriptors_max = limit.rlim_cur;
    // Since Linux 6.2 this is their number. To count the entries themselves would hold up the
    // thread that accepts, when there are a million.
    struct ::stat folder {};
    if (::stat("/proc/self/fd", &folder) == 0)
        usage.descriptors = static_cast<std::uint64_t>(folder.st_size);
    return usage;
}

} // namespace millipede::detail
