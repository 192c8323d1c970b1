// SPDX-License-Identifier: BSL-1.0
#include "wire/utf8.hpp"

#include <cstdint>

namespace comet {
namespace {

// What a character's first byte says: its own bits, how many bytes follow, and the least that is
// not to be written in fewer. Of a byte that begins none, more than there is.
struct lead {
    std::uint32_t bits;
    std::size_t following;
    std::uint32_t least;
};

constexpr std::uint32_t point_max = 0x10ffff;

constexpr lead lead_of(unsigned char first) noexcept {
    if (first < 0x80) return {first, 0, 0};
    if (first >> 5 == 0x06) return {first & 0x1fU, 1, 0x80};
    if (first >> 4 == 0x0e) return {first & 0x0fU, 2, 0x800};
    if (first >> 3 == 0x1e) return {first & 0x07U, 3, 0x10000};
    return {0, 0, point_max + 1};
}

// The size of the character at the front of `text`, which is not empty; 0 when there is none.
std::size_t character_size(std::string_view text) noexcept {
    auto [point, following, least] = lead_of(static_cast<unsigned char>(text.front()));
    if (text.size() <= following) return 0;
    for (std::size_t at = 1; at <= following; ++at) {
        auto next = static_cast<unsigned char>(text[at]);
        if (next >> 6 != 0x02) return 0;
        point = point << 6 | (next & 0x3fU);
    }
    bool is_surrogate = point >= 0xd800 && point <= 0xdfff;
    return point < least || point > point_max || is_surrogate ? 0 : following + 1;
}

} // namespace

std::size_t utf8_prefix(std::string_view text) noexcept {
    std::size_t at = 0;
    while (at < text.size()) {
        auto size = character_size(text.substr(at));
        if (size == 0) break;
        at += size;
    }
    return at;
}

std::string as_utf8(std::string_view text) {
    constexpr std::string_view replacement{"\xef\xbf\xbd"};
    std::string good;
    good.reserve(text.size());
    for (;;) {
        auto size = utf8_prefix(text);
        good.append(text.substr(0, size));
        if (size == text.size()) return good;
        good.append(replacement);
        text.remove_prefix(size + 1);
    }
}

} // namespace comet
