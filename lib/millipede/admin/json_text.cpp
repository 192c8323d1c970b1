// SPDX-License-Identifier: BSL-1.0
#include <millipede/admin/json_text.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>

namespace millipede::detail {
namespace {

// How many bytes the UTF-8 sequence at the beginning has; 0 when there is none.
std::size_t sequence_length(std::string_view text) {
    auto byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
    auto first = byte(0);
    std::size_t length = first < 0x80   ? 1
                         : first < 0xc2 ? 0
                         : first < 0xe0 ? 2
                         : first < 0xf0 ? 3
                                        : 4;
    if (length == 0 || first > 0xf4 || length > text.size()) return 0;
    for (std::size_t at = 1; at < length; ++at)
        if ((byte(at) & 0xc0) != 0x80) return 0;
    if (length < 3) return length;
    bool overlong = (first == 0xe0 && byte(1) < 0xa0) || (first == 0xf0 && byte(1) < 0x90);
    bool surrogate = first == 0xed && byte(1) > 0x9f;
    bool beyond = first == 0xf4 && byte(1) > 0x8f;
    return overlong || surrogate || beyond ? 0 : length;
}

// Stands in a string as it is.
bool is_plain(char letter) {
    return letter >= ' ' && letter < '\x7f' && letter != '"' && letter != '\\';
}

void append_escaped(std::string& to, char letter) {
    constexpr std::string_view digits{"0123456789abcdef"};
    switch (letter) {
    case '"':
    case '\\':
        to += '\\';
        to += letter;
        break;
    case '\n':
        to += "\\n";
        break;
    default:
        if (static_cast<unsigned char>(letter) >= 0x20) {
            to += letter;
        } else {
            to += "\\u00";
            to += digits[static_cast<unsigned char>(letter) >> 4];
            to += digits[static_cast<unsigned char>(letter) & 15];
        }
    }
}

} // namespace

json_text& json_text::key(std::string_view name) {
    value(name);
    text_ += ':';
    needs_comma_ = false;
    return *this;
}

json_text& json_text::value(std::string_view text) {
    separate();
    text_ += '"';
    while (!text.empty()) {
        auto plain = std::find_if_not(text.begin(), text.end(), is_plain) - text.begin();
        text_ += text.substr(0, static_cast<std::size_t>(plain));
        text.remove_prefix(static_cast<std::size_t>(plain));
        if (text.empty()) break;
        auto length = sequence_length(text);
        if (length == 0)
            text_ += "\xef\xbf\xbd";
        else if (length == 1)
            append_escaped(text_, text.front());
        else
            text_ += text.substr(0, length);
        text.remove_prefix(length == 0 ? 1 : length);
    }
    text_ += '"';
    needs_comma_ = true;
    return *this;
}

json_text& json_text::value(double number) {
    if (!std::isfinite(number)) return null();
    std::array<char, 32> digits;
    auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
    return put({digits.data(), end});
}

json_text& json_text::open(char bracket) {
    separate();
    text_ += bracket;
    needs_comma_ = false;
    return *this;
}

json_text& json_text::close(char bracket) {
    text_ += bracket;
    needs_comma_ = true;
    return *this;
}

json_text& json_text::put(std::string_view token) {
    separate();
    text_ += token;
    needs_comma_ = true;
    return *this;
}

void json_text::separate() {
    if (needs_comma_) text_ += ',';
}

} // namespace millipede::detail
