// SPDX-License-Identifier: BSL-1.0
#include "wire/json_document.hpp"

#include <boost/json/src.hpp> // all of Boost.JSON, here alone: no library to link

namespace comet {

std::optional<boost::json::value> read_json(std::string_view text, std::size_t depth_max) {
    boost::json::parse_options options;
    options.max_depth = depth_max;
    boost::json::error_code failure;
    auto document = boost::json::parse({text.data(), text.size()}, failure, {}, options);
    if (failure) return std::nullopt;
    return document;
}

} // namespace comet
