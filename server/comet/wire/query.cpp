// SPDX-License-Identifier: BSL-1.0
#include "wire/query.hpp"

#include <algorithm>
#include <charconv>
#include <cstdlib>

namespace comet {
namespace {

int hex_value(char digit) noexcept {
    if (digit >= '0' && digit <= '9') return digit - '0';
    if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
    if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
    return -1;
}

bool is_percent_code(std::string_view text) noexcept {
    return text.size() >= 3 && text[0] == '%' && hex_value(text[1]) >= 0 && hex_value(text[2]) >= 0;
}

char lower(char letter) noexcept {
    return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
}

bool same_name(std::string_view left, std::string_view right) noexcept {
    return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                      [](char a, char b) { return lower(a) == lower(b); });
}

// What RFC 3986 has in a query, apart from percent codes.
bool is_query_character(char letter) noexcept {
    auto small = lower(letter);
    if ((small >= 'a' && small <= 'z') || (letter >= '0' && letter <= '9')) return true;
    return letter != '\0' &&
           std::string_view{"-._~!$&'()*+,;=:@/?"}.find(letter) != std::string_view::npos;
}

bool is_query(std::string_view text) noexcept {
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (is_query_character(text[at])) continue;
        if (!is_percent_code(text.substr(at))) return false;
        at += 2;
    }
    return true;
}

// Calls `f(name, value)` for each item until it returns true. False when the text is void.
template <class F>
bool for_each_item(std::string_view text, F f) {
    while (!text.empty()) {
        auto end = std::min(text.find('&'), text.size());
        auto item = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        auto equals = item.find('=');
        if (equals == std::string_view::npos || equals == 0) return false;
        if (f(item.substr(0, equals), item.substr(equals + 1))) return true;
    }
    return true;
}

std::string_view unless_void(std::string_view text) noexcept {
    return for_each_item(text, [](auto, auto) { return false; }) ? text : std::string_view{};
}

std::optional<std::string> find_in(std::string_view text, std::string_view name) {
    std::optional<std::string> found;
    for_each_item(text, [&](std::string_view each, std::string_view value) {
        if (!same_name(each, name)) return false;
        found = percent_decoded(value, true);
        found->resize(std::min(found->find('\0'), found->size()));
        return true;
    });
    return found;
}

} // namespace

std::string percent_decoded(std::string_view text, bool plus_is_blank) {
    std::string decoded;
    decoded.reserve(text.size());
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (is_percent_code(text.substr(at))) {
            decoded += static_cast<char>(hex_value(text[at + 1]) * 16 + hex_value(text[at + 2]));
            at += 2;
        } else {
            decoded += text[at] == '+' && plus_is_blank ? ' ' : text[at];
        }
    }
    return decoded;
}

parameters::parameters(http_request const& request) noexcept : parameters{request.query} {
    if (request.method == http_method::post) body_ = unless_void(request.body());
}

parameters::parameters(std::string_view query) noexcept
    : query_{is_query(query) ? unless_void(query) : std::string_view{}},
      is_void_{query_.size() != query.size()} {}

std::optional<std::string> parameters::find(std::string_view name) const {
    if (auto found = find_in(body_, name)) return found;
    return find_in(query_, name);
}

std::int32_t parameters::number(std::string_view name) const {
    // strtol stays within a long, and atoi takes the lower half of that.
    return static_cast<std::int32_t>(std::strtol(text(name).c_str(), nullptr, 10));
}

std::optional<std::uint32_t> parameters::whole_number(std::string_view name,
                                                      std::uint32_t most) const {
    auto given = find(name);
    if (!given) return 0;
    std::uint32_t value = 0;
    auto const* end = given->data() + given->size();
    auto [behind, failed] = std::from_chars(given->data(), end, value);
    if (failed != std::errc{} || behind != end || value > most) return std::nullopt;
    return value;
}

} // namespace comet
