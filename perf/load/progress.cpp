// SPDX-License-Identifier: BSL-1.0
#include "progress.hpp"

#include <cstdio>

#include <unistd.h>

namespace load {

progress::progress(bool enabled)
    : interval_ns_{::isatty(STDERR_FILENO) == 1 ? second_ns / 4 : second_ns},
      next_ns_{enabled ? now_ns() + interval_ns_ : never_ns},
      last_ns_{now_ns()},
      terminal_{::isatty(STDERR_FILENO) == 1} {}

void progress::show(std::string const& line, std::int64_t now_ns) {
    next_ns_ = now_ns + interval_ns_;
    if (terminal_)
        std::fprintf(stderr, "\r\x1b[K%s", line.c_str());
    else
        std::fprintf(stderr, "%s\n", line.c_str());
    std::fflush(stderr);
    shown_ = true;
}

void progress::clear() {
    if (shown_ && terminal_) std::fputs("\r\x1b[K", stderr);
    shown_ = false;
    next_ns_ = never_ns;
}

double progress::rate_of(std::uint64_t total, std::int64_t now_ns) {
    auto const seconds = static_cast<double>(now_ns - last_ns_) / 1e9;
    auto const grown = total < last_total_ ? 0 : total - last_total_;
    last_ns_ = now_ns;
    last_total_ = total;
    return seconds > 0 ? static_cast<double>(grown) / seconds : 0;
}

} // namespace load
