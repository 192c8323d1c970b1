// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>

namespace load {

// The first eight bytes for a message, as f79ab68e: more would not help who reads it.
inline std::string as_hex(std::span<std::byte const> bytes) {
    static constexpr char digits[] = "0123456789abcdef";
    std::string text;
    for (auto const byte : bytes.first(std::min<std::size_t>(bytes.size(), 8))) {
        text += digits[std::to_integer<unsigned>(byte) >> 4];
        text += digits[std::to_integer<unsigned>(byte) & 15];
    }
    return text;
}

} // namespace load
