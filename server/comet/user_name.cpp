// SPDX-License-Identifier: BSL-1.0
#include "user_name.hpp"

#include "json_document.hpp"
#include "message.hpp"

namespace comet {

bool is_user_name(std::string_view name, std::size_t bytes_max) {
    // What a JSON string may hold, but for what has been escaped, is UTF-8.
    return name.size() <= bytes_max && read_json("\"" + json_escaped(name) + "\"", 0);
}

} // namespace comet
