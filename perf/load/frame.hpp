// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
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
class echo_frame {
  public:
    echo_frame(std::uint32_t magic, std::uint16_t command, std::size_t size_bytes);

    std::size_t size_bytes() const { return size_bytes_; }

    // Writes the frame from its byte `offset` on and returns how many bytes that were.
    std::size_t write(std::uint64_t connection_key, std::uint32_t sequence, std::size_t offset,
                      std::byte* to) const;

    // The place of the first byte that differs; bytes.size() if none does.
    std::size_t mismatch(std::uint64_t connection_key, std::uint32_t sequence, std::size_t offset,
                         std::span<std::byte const> bytes) const;

  private:
    // The head, a number mixed from connection and sequence, and the connection's key.
    static constexpr std::size_t prologue_bytes = head_bytes + 16;
    // Few distinct offsets keep the part of the noise that small frames use in the first cache.
    static constexpr std::size_t noise_offsets = 4096;

    struct content {
        std::array<std::byte, prologue_bytes> prologue;
        std::byte const* noise;
    };
    content make_content(std::uint64_t connection_key, std::uint32_t sequence) const;

    head head_;
    std::size_t size_bytes_;
    std::vector<std::byte> noise_;
};

} // namespace load
