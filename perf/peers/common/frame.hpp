// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace peers {

static_assert(std::endian::native == std::endian::little, "heads are read as they lie in memory");

inline constexpr std::uint32_t magic = 0x8eb69af7;
inline constexpr std::uint16_t login_command = 0x6101;
inline constexpr std::uint16_t echo_command = 0x6102;
inline constexpr std::size_t head_bytes = 8;
inline constexpr std::size_t login_bytes = head_bytes + 2;
inline constexpr std::size_t frame_bytes_max = 65'535;

struct frame_head {
    std::uint32_t magic;
    std::uint16_t size_bytes;
    std::uint16_t command;

    bool is_echo() const { return command == echo_command; }

    /// Whether a frame may begin so: only logins and echoes are understood.
    bool valid() const {
        if (magic != peers::magic) return false;
        return is_echo() ? size_bytes >= head_bytes
                         : command == login_command && size_bytes == login_bytes;
    }
};
static_assert(sizeof(frame_head) == head_bytes);

inline frame_head read_head(void const* bytes) {
    frame_head head;
    std::memcpy(&head, bytes, sizeof head);
    return head;
}

inline constexpr frame_head login_reply{magic, head_bytes, login_command};

/// What became of some input: `reply_bytes` at its front are now the replies to its first
/// `handled_bytes`; what follows those is the beginning of a frame, or refused.
struct answered_input {
    std::size_t reply_bytes = 0;
    std::size_t handled_bytes = 0;
    bool refused = false;
};

/// Replies are never longer than requests, so they are made where the requests lie; an echo is its
/// own reply, and moves only when a login stood before it.
struct frame_codec {
    static answered_input answer(std::span<std::byte> input) {
        answered_input done;
        while (input.size() - done.handled_bytes >= head_bytes) {
            auto* const frame = input.data() + done.handled_bytes;
            auto* const reply = input.data() + done.reply_bytes;
            auto const head = read_head(frame);
            if (!head.valid()) {
                done.refused = true;
                break;
            }
            if (input.size() - done.handled_bytes < head.size_bytes) break;
            done.handled_bytes += head.size_bytes;
            if (head.is_echo()) {
                if (reply != frame) std::memmove(reply, frame, head.size_bytes);
                done.reply_bytes += head.size_bytes;
            } else {
                std::memcpy(reply, &login_reply, head_bytes);
                done.reply_bytes += head_bytes;
            }
        }
        return done;
    }

    /// Whether this is the beginning of one frame and no more.
    static bool is_unfinished(std::span<std::byte const> input) {
        if (input.size() < head_bytes) return true;
        auto const head = read_head(input.data());
        return head.valid() && input.size() < head.size_bytes;
    }
};

/// Whatever comes goes back.
struct raw_codec {
    static answered_input answer(std::span<std::byte> input) {
        return {input.size(), input.size(), false};
    }
    static bool is_unfinished(std::span<std::byte const>) { return false; }
};

} // namespace peers
