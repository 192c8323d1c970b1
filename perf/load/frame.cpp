// SPDX-License-Identifier: BSL-1.0
#include "frame.hpp"

#include "random.hpp"

#include <algorithm>
#include <cstring>

namespace load {

head make_head(std::uint32_t magic, std::size_t size_bytes, std::uint16_t command) {
    auto const octet = [](std::size_t value, unsigned shift) {
        return static_cast<std::byte>((value >> shift) & 0xff);
    };
    return {octet(magic, 0),      octet(magic, 8),      octet(magic, 16),  octet(magic, 24),
            octet(size_bytes, 0), octet(size_bytes, 8), octet(command, 0), octet(command, 8)};
}

std::array<std::byte, login_bytes> make_login(std::uint32_t magic, std::uint16_t command,
                                              std::uint16_t uid) {
    std::array<std::byte, login_bytes> login{};
    std::ranges::copy(make_head(magic, login_bytes, command), login.begin());
    login[head_bytes] = static_cast<std::byte>(uid & 0xff);
    login[head_bytes + 1] = static_cast<std::byte>(uid >> 8);
    return login;
}

echo_frame::echo_frame(std::uint32_t magic, std::uint16_t command, std::size_t size_bytes)
    : head_{make_head(magic, size_bytes, command)},
      size_bytes_{size_bytes},
      noise_(noise_offsets + frame_bytes_max) {
    random_source random{0x6d69'6c6c'6970'6564ULL};
    std::ranges::generate(noise_, [&] { return static_cast<std::byte>(random.next() & 0xff); });
}

echo_frame::content echo_frame::make_content(std::uint64_t connection_key,
                                             std::uint32_t sequence) const {
    content result{};
    auto const mark = mixed(connection_key ^ mixed(sequence));
    std::memcpy(result.prologue.data(), head_.data(), head_bytes);
    std::memcpy(result.prologue.data() + head_bytes, &mark, sizeof mark);
    std::memcpy(result.prologue.data() + head_bytes + sizeof mark, &connection_key,
                sizeof connection_key);
    result.noise = noise_.data() + mark % noise_offsets;
    return result;
}

std::size_t echo_frame::write(std::uint64_t connection_key, std::uint32_t sequence,
                              std::size_t offset, std::byte* to) const {
    auto const expected = make_content(connection_key, sequence);
    auto const begin = to;
    auto const prologue_end = std::min(size_bytes_, prologue_bytes);
    if (offset < prologue_end) {
        std::memcpy(to, expected.prologue.data() + offset, prologue_end - offset);
        to += prologue_end - offset;
        offset = prologue_end;
    }
    if (offset < size_bytes_) {
        std::memcpy(to, expected.noise + (offset - prologue_bytes), size_bytes_ - offset);
        to += size_bytes_ - offset;
    }
    return static_cast<std::size_t>(to - begin);
}

std::size_t echo_frame::mismatch(std::uint64_t connection_key, std::uint32_t sequence,
                                 std::size_t offset, std::span<std::byte const> bytes) const {
    auto const expected = make_content(connection_key, sequence);
    auto const differs_at = [](std::span<std::byte const> seen, std::byte const* right) {
        if (std::memcmp(seen.data(), right, seen.size()) == 0) return seen.size();
        auto const found = std::mismatch(seen.begin(), seen.end(), right);
        return static_cast<std::size_t>(found.first - seen.begin());
    };
    std::size_t checked = 0;
    if (offset < prologue_bytes) {
        auto const part = bytes.first(std::min(bytes.size(), prologue_bytes - offset));
        checked = differs_at(part, expected.prologue.data() + offset);
        if (checked < part.size()) return checked;
    }
    if (checked < bytes.size()) {
        auto const noise_at = offset + checked - prologue_bytes;
        checked += differs_at(bytes.subspan(checked), expected.noise + noise_at);
    }
    return checked;
}

} // namespace load
