// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <boost/json/value.hpp>

#include <cstddef>
#include <optional>
#include <string_view>

namespace comet {

/// JSON from a client: one whole document in UTF-8, and nothing behind it. None when it is not
/// that, or nested deeper than `depth_max`. Of a member that is there twice the last one counts.
std::optional<boost::json::value> read_json(std::string_view text, std::size_t depth_max);

/// The text of a JSON string, whose life it shares.
inline std::string_view text_of(boost::json::string const& text) noexcept {
    return {text.data(), text.size()};
}

} // namespace comet
