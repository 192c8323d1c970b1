// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "framing.hpp"
#include "http_request.hpp"
#include "message.hpp"

#include <millipede/base/connection_id.hpp>

#include <boost/intrusive/list_hook.hpp>

#include <cstdint>
#include <memory>
#include <string>

namespace comet {

struct audience;

/// What is kept per connection, in its preallocated slot: whom it listens to, if it does. Small, as
/// there are millions of these.
struct subscriber : http_exchange {
    using hook = boost::intrusive::list_member_hook<
        boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;

    transport how = transport::poll;
    bool is_asking = false;   ///< Whether the worker of its channel has not answered yet.
    bool is_watching = false; ///< Of presence: a connection of the admin port.
    bool is_admitted = false; ///< By the address gate.
    reply_terms terms{};
    std::uint32_t heard_tick = 0; ///< When it was given something last.
    sequence noop = 0;            ///< The number of its next noop.
    sequence from = 0;            ///< The number of the next message that is for it.
    hook by_channel;
    hook by_silence;
    audience* listens_to = nullptr;
    millipede::connection_id id{};
    std::unique_ptr<std::string> callback{}; ///< Null: no JSONP.

    /// What its messages are put in.
    comet::framing frame() const noexcept {
        return {how, terms.chunked, callback ? std::string_view{*callback} : std::string_view{}};
    }
};

} // namespace comet
