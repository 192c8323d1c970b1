// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "channels/message.hpp"

#include <boost/intrusive/list_hook.hpp>

#include <cstdint>

namespace comet {

struct audience;
struct subscriber;

/// A connection's wish for the messages of one channel. Each connection has room for one in its
/// slot, and may have others on the heap. Its worker's thread.
struct subscription {
    using hook = boost::intrusive::list_member_hook<
        boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;

    hook by_channel{};
    audience* listens_to = nullptr; ///< Null: the channel's worker has not let it in.
    sequence from = 0;              ///< The number of the next message that is for it.
    std::uint32_t ticket = 0;       ///< Of its question, while it is asking.
    bool is_asking = false;         ///< Whether the worker of its channel has not answered yet.
    bool is_named = false;          ///< It counts as its owner's user's where the channel lives.
    bool wants_presence = false;    ///< It is told of users who come and go.
    bool is_further = false;        ///< It is a `further_subscription`, on the heap.

    /// Whether it stands for a channel at all.
    bool is_used() const noexcept { return is_asking || listens_to != nullptr; }
    /// Whose it is.
    subscriber& owner() noexcept;
};

/// One of those that have no room in their connection's slot.
struct further_subscription final : subscription {
    explicit further_subscription(subscriber& whose) noexcept : of{&whose} { is_further = true; }

    subscriber* of;
};

} // namespace comet
