// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace comet {

/// How many bytes from the front are UTF-8: whole characters in their shortest forms, no
/// surrogates, nothing above U+10FFFF.
std::size_t utf8_prefix(std::string_view text) noexcept;

/// Whether all of it is.
inline bool is_utf8(std::string_view text) noexcept {
    return utf8_prefix(text) == text.size();
}

/// The text, with U+FFFD in the place of each byte that is not part of any character.
std::string as_utf8(std::string_view text);

} // namespace comet
