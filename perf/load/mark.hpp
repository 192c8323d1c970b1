// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace load {

// The machine-readable lines of --settle and --marks: what, the time in seconds since 1970, and a
// number. Whoever reads them acts on each at once.
void announce(std::string const& what, std::optional<std::uint64_t> count = {});
// Of a moment that has passed, by the monotonic clock.
void announce_at(std::string const& what, std::int64_t moment_ns,
                 std::optional<std::uint64_t> count = {});

} // namespace load
