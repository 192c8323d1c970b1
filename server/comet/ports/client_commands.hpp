// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "channels/channel_items.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace comet {

/// A message that a subscriber's connection publishes.
struct client_publication {
    std::string cname;
    std::string content;           ///< As it was meant: not escaped.
    std::uint32_t ttl_seconds = 0; ///< Afterwards it is not replayed; 0: as long as it is kept.
    std::string token{};           ///< Empty: none was shown.
};

/// What a client asks for in one message, in the order in which it is done.
struct client_commands {
    std::vector<std::string> unsubscribe; ///< Names of channels.
    std::vector<channel_item> subscribe;
    std::optional<client_publication> publish;
};

/// The commands that a message may have, each a member of one JSON object, or alone.
enum class client_command : std::uint8_t {
    subscribe,   ///< An array of items, as `parse_channel_items` reads them, or an empty one.
    unsubscribe, ///< An array of names.
    publish,     ///< `{"cname":"C","content":"S","ttl":60,"token":".."}`, the first two required.
};

/// What reading them came to.
struct parsed_commands {
    std::optional<client_commands> found{};
    bool is_json = true;    ///< Otherwise not even that, or not UTF-8.
    std::string_view why{}; ///< Nothing was found: what is wrong, for people; a literal.
};

/// Reads `{"subscribe":[..],"unsubscribe":[..],"publish":{..}}`: any of these members, no other. An
/// empty object asks for nothing.
/// \param name_max bytes of a channel's name
parsed_commands parse_client_commands(std::string_view json, std::size_t name_max);

/// Reads what stands behind the name of one of them.
parsed_commands parse_client_command(client_command which, std::string_view json,
                                     std::size_t name_max);

} // namespace comet
