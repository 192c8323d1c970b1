// SPDX-License-Identifier: BSL-1.0
// Frames as the specification of the protocol draws them, byte by byte: not by the library's
// encoder, which is what is tested.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace test {

/// | magic f7 9a b6 8e | size, little-endian | command, little-endian | data |
inline std::string frame(std::uint16_t command, std::string_view data = {}) {
    auto low = [](std::size_t word) { return static_cast<char>(word & 0xff); };
    auto high = [](std::size_t word) { return static_cast<char>(word >> 8 & 0xff); };
    auto size = 8 + data.size();
    std::string bytes{'\xf7', '\x9a', '\xb6', '\x8e'};
    bytes += {low(size), high(size), low(command), high(command)};
    return bytes.append(data);
}

inline std::uint32_t little(std::string_view bytes) {
    std::uint32_t number = 0;
    for (std::size_t index = bytes.size(); index-- > 0;)
        number = number << 8 | static_cast<unsigned char>(bytes[index]);
    return number;
}

/// The four bytes of a number, as data of a frame.
inline std::string number(std::uint32_t value) {
    std::string bytes;
    for (int shift = 0; shift < 32; shift += 8)
        bytes += static_cast<char>(value >> shift & 0xff);
    return bytes;
}

inline std::span<std::byte const> bytes_of(std::string_view text) {
    return std::as_bytes(std::span{text.data(), text.size()});
}
inline std::string text_of(std::span<std::byte const> bytes) {
    return {reinterpret_cast<char const*>(bytes.data()), bytes.size()};
}

} // namespace test
