// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "channels/hub.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace comet {

/// What a body of JSON wants to have published: one object, or an array of them.
struct json_publications {
    std::vector<publication> all{};
    bool is_array = false;
    std::string fault{}; ///< What is wrong with it, for people; empty: nothing.
};

/// The most objects of one array.
inline constexpr std::size_t json_publications_max = 1'000;

/// Reads `{"cname":"C","content":"S"}`, which may have `ttl`, in seconds, and `token`, too. Content
/// that is no string is sent as its JSON text. All or nothing: one that is wrong, or has a member
/// that is not known, makes all void.
/// \param name_max bytes of a channel's name.
json_publications read_publications(std::string_view body, std::size_t name_max);

/// The same for what goes to all channels, `{"content":"S"}`: `channel` stays empty.
json_publications read_broadcasts(std::string_view body);

} // namespace comet
