// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <string>

namespace load {

// Raises the soft limit of open files to the hard one, and the hard one as well if that is too low
// for `needed` and this process may (root, up to fs.nr_open). Returns the soft limit.
std::uint64_t raise_descriptor_limit(std::uint64_t needed);

// fs.nr_open, above which no process can raise its limit; 0 if it cannot be read.
std::uint64_t descriptor_limit_max();

// With those of our own: an epoll set and a wake-up per thread, streams, what a launcher left open.
std::uint64_t descriptors_needed(std::uint64_t connections, std::uint64_t threads);

// Why so many are not to be had and what to do about it; empty if they are.
std::string descriptor_shortage(std::uint64_t needed, std::uint64_t limit, std::uint64_t limit_max);

} // namespace load
