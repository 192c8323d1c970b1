// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "channels/framing.hpp"
#include "channels/message.hpp"
#include "channels/subscription.hpp"
#include "wire/http_request.hpp"

#include <millipede/base/connection_id.hpp>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace comet {

/// What is kept per connection, in its preallocated slot: what it listens to, if it does. Small, as
/// there are millions of these; what only few have is behind `more`.
struct subscriber : subscription, http_exchange {
    /// What most have none of.
    struct extras {
        std::string callback{}; ///< Of JSONP; empty: none.
        std::string user{};     ///< Whose it says it is, in UTF-8; empty: it does not.
        std::vector<std::unique_ptr<further_subscription>> others{};
        /// Of a WebSocket's message of which more is to come; null: there is none.
        std::unique_ptr<std::string> pieces{};
    };

    transport how = transport::poll;
    bool is_begun = false;    ///< The head of its reply has been sent.
    bool is_watching = false; ///< Of presence: a connection of the admin port.
    bool is_known = false;    ///< It has had a whole reply before this one.
    reply_terms terms{};
    std::uint32_t heard_tick = 0; ///< When it was given something last.
    sequence noop = 0;            ///< The number of its next noop.
    hook by_silence{};
    millipede::connection_id id{};
    std::unique_ptr<extras> more{};

    extras& obtain_more() {
        if (!more) more = std::make_unique<extras>();
        return *more;
    }

    /// Gives back what nothing is in any more.
    void drop_empty_extras() noexcept {
        if (!more || !more->callback.empty() || !more->user.empty()) return;
        if (more->others.empty() && !more->pieces) more.reset();
    }

    /// Calls `f(subscription&)` for each that is used. `f` must not release any.
    template <class F>
    void for_each_subscription(F f) {
        if (is_used()) f(static_cast<subscription&>(*this));
        if (!more) return;
        for (auto const& each : more->others)
            if (each->is_used()) f(static_cast<subscription&>(*each));
    }
    /// Whether it listens to any channel, or has asked to.
    bool has_subscriptions() {
        bool found = false;
        for_each_subscription([&](subscription&) { found = true; });
        return found;
    }
    /// One that is not used.
    subscription& free_subscription() {
        if (!is_used()) return *this;
        auto& others = obtain_more().others;
        others.push_back(std::make_unique<further_subscription>(*this));
        return *others.back();
    }
    /// Gives back what it holds, when it is not used any more: `unused` may be gone.
    void release(subscription& unused) noexcept {
        if (!unused.is_further) return;
        std::erase_if(more->others, [&](auto const& each) { return each.get() == &unused; });
    }

    /// What its messages are put in, those of a channel's life. (Ids name one channel's place.)
    framing frame(std::uint32_t epoch) const noexcept {
        framing made{how, terms.chunked};
        if (more) made.callback = more->callback;
        if (how == transport::sse && !(more && !more->others.empty())) made.epoch = epoch;
        return made;
    }
};

inline subscriber& subscription::owner() noexcept {
    if (is_further) return *static_cast<further_subscription&>(*this).of;
    return static_cast<subscriber&>(*this);
}

static_assert(sizeof(subscriber) <= 88);

} // namespace comet
