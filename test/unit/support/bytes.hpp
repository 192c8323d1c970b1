// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace millipede::test {

/// `bytes_of({0xf7, 0x9a})`: bytes as a specification writes them.
inline std::vector<std::byte> bytes_of(std::initializer_list<unsigned> values) {
    std::vector<std::byte> bytes;
    for (auto value : values)
        bytes.push_back(static_cast<std::byte>(value));
    return bytes;
}

inline std::string text_of(std::span<std::byte const> bytes) {
    return {reinterpret_cast<char const*>(bytes.data()), bytes.size()};
}

/// A sink that keeps what it is given.
struct vector_sink {
    std::vector<std::byte> bytes{};
    void append(std::span<std::byte const> more) {
        bytes.insert(bytes.end(), more.begin(), more.end());
    }
};

/// `size` bytes that differ from those of other lengths and from their neighbours.
inline std::string pattern(std::size_t size) {
    std::string text(size, '\0');
    for (std::size_t index = 0; index < size; ++index)
        text[index] = static_cast<char>((index * 31 + size * 7 + index / 251) & 0xff);
    return text;
}

} // namespace millipede::test
