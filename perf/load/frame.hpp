// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "random.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

namespace load {

// The head of every packet: magic (4 bytes), size of the whole packet (2), command (2), all
// little-endian.
inline constexpr std::size_t head_bytes = 8;
inline constexpr std::size_t login_bytes = head_bytes + 2;
inline constexpr std::size_t login_reply_bytes = head_bytes;
inline constexpr std::size_t frame_bytes_max = 65'535;

using head = std::array<std::byte, head_bytes>;
head make_head(std::uint32_t magic, std::size_t size_bytes, std::uint16_t command);
std::array<std::byte, login_bytes> make_login(std::uint32_t magic, std::uint16_t command,
                                              std::uint16_t uid);

// Echo frames whose content follows from the connection and the sequence number alone: neither
// side of the conversation has to be stored, and a reply that belongs to another connection or
// another request is as wrong as a flipped bit.
//
// A frame is its head, a mark mixed from connection and sequence, the connection's key, and noise.
// Raw ones have no head.
class echo_frame {
  public:
    echo_frame(head const& first, std::size_t size_bytes);
    explicit echo_frame(std::size_t raw_size_bytes);

    std::size_t size_bytes() const { return size_bytes_; }

    // Writes the frame from its byte `offset` on and returns how many bytes that were.
    std::size_t write(std::uint64_t connection_key, std::uint32_t sequence, std::size_t offset,
                      std::byte* to) const {
        if (offset != 0 || size_bytes_ < prologue_bytes_)
            return write_rest(connection_key, sequence, offset, to);
        auto const mark = make_mark(connection_key, sequence);
        std::memcpy(to, head_.data(), head_bytes);
        std::memcpy(to + head_bytes_, &mark, sizeof mark);
        std::memcpy(to + head_bytes_ + sizeof mark, &connection_key, sizeof connection_key);
        std::memcpy(to + prologue_bytes_, noise_of(mark), size_bytes_ - prologue_bytes_);
        return size_bytes_;
    }

    // The place of the first byte that differs; bytes.size() if none does. `offset` is where in the
    // frame the bytes stand; they do not reach beyond its end.
    std::size_t mismatch(std::uint64_t connection_key, std::uint32_t sequence, std::size_t offset,
                         std::span<std::byte const> bytes) const {
        if (bytes.size() == size_bytes_ && is_whole(connection_key, sequence, bytes.data()))
            return size_bytes_;
        return mismatch_of_part(connection_key, sequence, offset, bytes);
    }

  private:
    static constexpr std::size_t prologue_bytes_max = head_bytes + 16;
    // Few distinct offsets keep the part of the noise that small frames use in the first cache.
    static constexpr std::size_t noise_offsets = 4096;

    using prologue = std::array<std::byte, prologue_bytes_max>;

    static std::uint64_t make_mark(std::uint64_t connection_key, std::uint32_t sequence) {
        return mixed(connection_key * 0x9e37'79b9'7f4a'7c15ULL + sequence);
    }
    std::byte const* noise_of(std::uint64_t mark) const {
        return noise_.data() + mark % noise_offsets;
    }

    bool is_whole(std::uint64_t connection_key, std::uint32_t sequence,
                  std::byte const* bytes) const {
        if (size_bytes_ < prologue_bytes_) return false;
        auto const mark = make_mark(connection_key, sequence);
        return (head_bytes_ == 0 || std::memcmp(bytes, head_.data(), head_bytes) == 0) &&
               std::memcmp(bytes + head_bytes_, &mark, sizeof mark) == 0 &&
               std::memcmp(bytes + head_bytes_ + sizeof mark, &connection_key,
                           sizeof connection_key) == 0 &&
               std::memcmp(bytes + prologue_bytes_, noise_of(mark),
                           size_bytes_ - prologue_bytes_) == 0;
    }

    prologue make_prologue(std::uint64_t connection_key, std::uint64_t mark) const;
    std::size_t write_rest(std::uint64_t connection_key, std::uint32_t sequence, std::size_t offset,
                           std::byte* to) const;
    std::size_t mismatch_of_part(std::uint64_t connection_key, std::uint32_t sequence,
                                 std::size_t offset, std::span<std::byte const> bytes) const;

    head head_{};
    std::size_t head_bytes_; // 0 in raw ones
    std::size_t prologue_bytes_;
    std::size_t size_bytes_;
    std::vector<std::byte> noise_;
};

} // namespace load
