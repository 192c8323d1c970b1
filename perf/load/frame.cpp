// SPDX-License-Identifier: BSL-1.0
#include "frame.hpp"

#include <algorithm>

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

echo_frame::echo_frame(std::size_t raw_size_bytes)
    : head_bytes_{0},
      prologue_bytes_{prologue_bytes_max - head_bytes},
      size_bytes_{raw_size_bytes},
      noise_(noise_offsets + frame_bytes_max) {
    random_source random{0x6d69'6c6c'6970'6564ULL};
    std::ranges::generate(noise_, [&] { return static_cast<std::byte>(random.next() & 0xff); });
}

echo_frame::echo_frame(head const& first, std::size_t size_bytes) : echo_frame{size_bytes} {
    head_ = first;
    head_bytes_ = head_bytes;
    prologue_bytes_ = prologue_bytes_max;
}

echo_frame::prologue echo_frame::make_prologue(std::uint64_t connection_key,
                                               std::uint64_t mark) const {
    prologue result{};
    std::memcpy(result.data(), head_.data(), head_bytes_);
    std::memcpy(result.data() + head_bytes_, &mark, sizeof mark);
    std::memcpy(result.data() + head_bytes_ + sizeof mark, &connection_key, sizeof connection_key);
    return result;
}

std::size_t echo_frame::write_rest(std::uint64_t connection_key, std::uint32_t sequence,
                                   std::size_t offset, std::byte* to) const {
    auto const mark = make_mark(connection_key, sequence);
    auto const begin = to;
    auto const prologue_end = std::min(size_bytes_, prologue_bytes_);
    if (offset < prologue_end) {
        auto const first = make_prologue(connection_key, mark);
        std::memcpy(to, first.data() + offset, prologue_end - offset);
        to += prologue_end - offset;
        offset = prologue_end;
    }
    if (offset < size_bytes_) {
        std::memcpy(to, noise_of(mark) + (offset - prologue_bytes_), size_bytes_ - offset);
        to += size_bytes_ - offset;
    }
    return static_cast<std::size_t>(to - begin);
}

std::size_t echo_frame::mismatch_of_part(std::uint64_t connection_key, std::uint32_t sequence,
                                         std::size_t offset,
                                         std::span<std::byte const> bytes) const {
    auto const mark = make_mark(connection_key, sequence);
    auto const differs_at = [](std::span<std::byte const> seen, std::byte const* right) {
        if (std::memcmp(seen.data(), right, seen.size()) == 0) return seen.size();
        auto const found = std::mismatch(seen.begin(), seen.end(), right);
        return static_cast<std::size_t>(found.first - seen.begin());
    };
    std::size_t checked = 0;
    if (offset < prologue_bytes_) {
        auto const first = make_prologue(connection_key, mark);
        auto const part = bytes.first(std::min(bytes.size(), prologue_bytes_ - offset));
        checked = differs_at(part, first.data() + offset);
        if (checked < part.size()) return checked;
    }
    if (checked < bytes.size()) {
        auto const noise_at = offset + checked - prologue_bytes_;
        checked += differs_at(bytes.subspan(checked), noise_of(mark) + noise_at);
    }
    return checked;
}

} // namespace load
