// SPDX-License-Identifier: BSL-1.0
#include "channels/user_name.hpp"

#include "wire/utf8.hpp"

namespace comet {

bool is_user_name(std::string_view name, std::size_t bytes_max) noexcept {
    return name.size() <= bytes_max && is_utf8(name);
}

} // namespace comet
