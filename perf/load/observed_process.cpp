// SPDX-License-Identifier: BSL-1.0
#include "observed_process.hpp"

#include <cstring>
#include <ctime>
#include <fstream>
#include <limits>
#include <stdexcept>
#include <string>

namespace load {

namespace {

[[noreturn]] void refuse(pid_t id, std::string const& why) {
    throw std::runtime_error("process " + std::to_string(id) + " " + why);
}

} // namespace

std::int64_t observed_process::cpu_ns() const {
    clockid_t clock{};
    timespec time{};
    if (auto const error = ::clock_getcpuclockid(id_, &clock); error != 0)
        refuse(id_, std::string{"has no CPU clock: "} + std::strerror(error));
    if (::clock_gettime(clock, &time) != 0) refuse(id_, "has ended");
    return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

std::uint64_t observed_process::memory_bytes() const {
    auto const path = "/proc/" + std::to_string(id_) + "/smaps_rollup";
    std::ifstream rollup{path};
    auto const bytes = own_memory_bytes(rollup);
    // Every living program has a stack.
    if (bytes == 0) refuse(id_, "has ended, or this user may not read " + path);
    return bytes;
}

std::uint64_t own_memory_bytes(std::istream& rollup) {
    std::uint64_t kibibytes = 0;
    for (std::string name; rollup >> name;) {
        if (name == "Private_Dirty:" || name == "Swap:")
            if (std::uint64_t value = 0; rollup >> value) kibibytes += value;
        rollup.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
    }
    return kibibytes * 1024;
}

} // namespace load
