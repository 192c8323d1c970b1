// SPDX-License-Identifier: BSL-1.0
#include "channels/secret.hpp"

#include <bit>
#include <cerrno>
#include <span>
#include <system_error>

#include <sys/random.h>

namespace comet {
namespace {

void fill_randomly(void* to, std::size_t size) {
    if (getentropy(to, size) != 0)
        throw std::system_error{errno, std::generic_category(), "getentropy"};
}

std::uint64_t word_at(std::string_view text, std::size_t at) noexcept {
    std::uint64_t word = 0;
    for (std::size_t index = 0; index < 8 && at + index < text.size(); ++index)
        word |= std::uint64_t{static_cast<unsigned char>(text[at + index])} << (8 * index);
    return word;
}

struct sip_state {
    std::uint64_t v0, v1, v2, v3;

    void round() noexcept {
        v0 += v1;
        v2 += v3;
        v1 = std::rotl(v1, 13) ^ v0;
        v3 = std::rotl(v3, 16) ^ v2;
        v0 = std::rotl(v0, 32);
        v2 += v1;
        v0 += v3;
        v1 = std::rotl(v1, 17) ^ v2;
        v3 = std::rotl(v3, 21) ^ v0;
        v2 = std::rotl(v2, 32);
    }
    void take(std::uint64_t word) noexcept {
        v3 ^= word;
        round();
        v0 ^= word;
    }
};

} // namespace

token token::make() {
    token made;
    fill_randomly(made.bytes_.data(), made.bytes_.size());
    return made;
}

std::string token::text() const {
    constexpr std::string_view digits{"0123456789abcdef"};
    std::string text;
    for (auto byte : bytes_)
        (text += digits[byte >> 4]) += digits[byte & 15];
    return text;
}

bool token::matches(std::string_view text) const {
    auto own = this->text();
    if (text.size() != own.size()) return false;
    unsigned difference = 0;
    for (std::size_t index = 0; index < own.size(); ++index)
        difference |= static_cast<unsigned>(own[index] ^ text[index]);
    return difference == 0;
}

std::uint64_t siphash13(std::array<std::uint64_t, 2> const& key, std::string_view text) noexcept {
    sip_state state{key[0] ^ 0x736f6d6570736575U, key[1] ^ 0x646f72616e646f6dU,
                    key[0] ^ 0x6c7967656e657261U, key[1] ^ 0x7465646279746573U};
    std::size_t at = 0;
    for (; at + 8 <= text.size(); at += 8)
        state.take(word_at(text, at));
    state.take(word_at(text, at) | std::uint64_t{text.size()} << 56);
    state.v2 ^= 0xff;
    for (int count = 0; count < 3; ++count)
        state.round();
    return state.v0 ^ state.v1 ^ state.v2 ^ state.v3;
}

std::uint64_t name_hash(std::string_view name) {
    static auto const key = [] {
        std::array<std::uint64_t, 2> made{};
        fill_randomly(made.data(), sizeof(made));
        return made;
    }();
    return siphash13(key, name);
}

} // namespace comet
