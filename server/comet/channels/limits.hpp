// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace comet {

/// Who is told which users attend a channel.
enum class presence_level : std::uint8_t {
    none,  ///< Nobody: users are not kept.
    admin, ///< Who asks at the admin port.
    all,   ///< Subscribers who want to know, too.
};

/// What channels and subscribers may be and have: icomet's settings, with its defaults. Times are
/// in seconds, which is what one tick takes.
struct channel_limits {
    bool needs_token = false;             ///< `front.auth: token`
    std::uint32_t channels_max = 100'000; ///< Of all workers together.
    std::uint32_t subscribers_max = 16;   ///< Of one channel, over all workers.
    std::uint32_t buffer_size = 10;       ///< Messages that a channel keeps, and up to
                                          ///< half as many more.
    std::uint32_t channel_timeout = 30;   ///< How long one without subscribers lives.
    std::uint32_t polling_timeout = 30;   ///< Silence after which a subscriber is told so.
    /// Bytes of messages that all channels together keep. While there are more, a channel that gets
    /// a message keeps none.
    std::size_t history_max = 1024UL * 1024 * 1024;
    std::uint32_t channels_per_connection = 64;   ///< That one connection may be subscribed to.
    std::string reply_fields{};                   ///< Lines in the head of subscribers' replies.
    std::size_t name_max = 4'096;                 ///< Bytes of a channel's name.
    std::size_t waiting_max = 64UL * 1024 * 1024; ///< Bytes of messages on their way to one worker.
    presence_level presence = presence_level::admin;
    std::uint32_t user_linger = 10;              ///< How long one who has left counts as there.
    std::uint32_t users_max = 1'000'000;         ///< Kept, of all channels and workers.
    std::uint32_t users_per_channel_max = 1'000; ///< Kept of one channel.
    std::size_t user_max = 256;                  ///< Bytes of a user's name.
};

} // namespace comet
