// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <cstdlib>
#include <random>

namespace millipede::test {

/// Another seed in every run; MILLIPEDE_TEST_SEED repeats a run. Whoever uses it logs it.
inline std::uint32_t random_seed() {
    if (auto const* wanted = std::getenv("MILLIPEDE_TEST_SEED"))
        return static_cast<std::uint32_t>(std::strtoul(wanted, nullptr, 10));
    return std::random_device{}();
}

} // namespace millipede::test
