// SPDX-License-Identifier: BSL-1.0
#include "mark.hpp"

#include "time.hpp"

#include <cstdio>
#include <ctime>

namespace load {

void announce(std::string const& what, std::optional<std::uint64_t> count) {
    announce_at(what, now_ns(), count);
}

void announce_at(std::string const& what, std::int64_t moment_ns,
                 std::optional<std::uint64_t> count) {
    timespec time{};
    ::clock_gettime(CLOCK_REALTIME, &time);
    auto const real_ns = std::int64_t{time.tv_sec} * second_ns + time.tv_nsec;
    auto const microseconds = (real_ns - (now_ns() - moment_ns)) / 1'000;
    std::printf("%s %lld.%06lld", what.c_str(), static_cast<long long>(microseconds / 1'000'000),
                static_cast<long long>(microseconds % 1'000'000));
    if (count) std::printf(" %llu", static_cast<unsigned long long>(*count));
    std::printf("\n");
    std::fflush(stdout);
}

} // namespace load
