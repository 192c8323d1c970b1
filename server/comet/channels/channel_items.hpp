// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "channels/message.hpp"

#include <boost/json/fwd.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace comet {

/// One channel that a client wants to be subscribed to, as it names it in JSON: by its name alone,
/// `"news"`, or with more, `{"cname":"news","seq":1,"token":"..","epoch":"..","presence":true}`.
struct channel_item {
    std::string cname;
    sequence seq = 0;    ///< The next message it wants; 0: from now on.
    std::string token{}; ///< Empty: none was shown.
    /// The channel's life that it knows, empty for none; null when it does not ask for epochs.
    std::optional<std::string> epoch{};
    bool presence = false; ///< It wants to be told who else is there.
};

/// Reads an array of items. None when it is not JSON, or has an item that is none: without a name,
/// with an unknown member, or with one of another type; `seq` is a whole number of 32 bits. Names
/// may be too long, empty, and there twice.
/// \param items_max more are none, as is an empty array.
std::optional<std::vector<channel_item>> parse_channel_items(std::string_view json,
                                                             std::size_t items_max);

/// The same from what has been parsed already: an array of any length.
std::optional<std::vector<channel_item>> channel_items_of(boost::json::value const& array);

} // namespace comet
