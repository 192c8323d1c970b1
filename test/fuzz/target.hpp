// SPDX-License-Identifier: BSL-1.0
// What every fuzz target has: libFuzzer's entry point (replay.cpp calls it, too), and a way to say
// that the program under test did wrong.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string_view>

/// One input. Returns 0; a fault ends the process.
extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size);

namespace fuzz {

inline void require(bool met, char const* what) {
    if (met) return;
    std::fprintf(stderr, "fuzz: contradiction: %s\n", what);
    std::abort();
}

inline std::string_view text_of(std::span<std::uint8_t const> bytes) {
    return {reinterpret_cast<char const*>(bytes.data()), bytes.size()};
}

} // namespace fuzz
