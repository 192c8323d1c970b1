// SPDX-License-Identifier: BSL-1.0
#include <millipede/admin/http_target.hpp>

#include <algorithm>
#include <array>
#include <charconv>

namespace millipede::detail {
namespace {

// With %41 for A. A zero byte is in nothing that makes sense here.
std::string decoded(std::string_view text, bool plus_is_blank) {
    std::string result;
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] == '+' && plus_is_blank) {
            result += ' ';
        } else if (text[at] != '%') {
            result += text[at];
        } else {
            auto digits = text.substr(at + 1, 2);
            unsigned value = 0;
            auto const* end = digits.data() + digits.size();
            auto [stop, failure] = std::from_chars(digits.data(), end, value, 16);
            if (digits.size() != 2 || failure != std::errc{} || stop != end || value == 0)
                throw bad_request{"the target is not well encoded"};
            result += static_cast<char>(value);
            at += 2;
        }
    }
    return result;
}

std::optional<std::uint64_t> whole_number(std::string_view text) {
    std::uint64_t value = 0;
    auto const* end = text.data() + text.size();
    auto [stop, failure] = std::from_chars(text.data(), end, value);
    if (text.empty() || failure != std::errc{} || stop != end) return std::nullopt;
    return value;
}

std::string named(std::string_view name) {
    return "'" + std::string{name} + "'";
}

} // namespace

http_target::http_target(std::string_view text) {
    if (text.empty() || text.front() != '/') throw bad_request{"the target is no path"};
    auto query = std::min(text.find('?'), text.size());
    path_ = decoded(text.substr(0, query), false);
    auto rest = text.substr(query);
    while (!rest.empty()) {
        rest.remove_prefix(1);
        auto part = rest.substr(0, rest.find('&'));
        rest.remove_prefix(part.size());
        if (part.empty()) continue;
        auto equals = std::min(part.find('='), part.size());
        parameters_.emplace_back(decoded(part.substr(0, equals), true),
                                 equals == part.size() ? ""
                                                       : decoded(part.substr(equals + 1), true));
    }
}

std::string const* http_target::find(std::string_view name) const noexcept {
    for (auto const& [its_name, value] : parameters_)
        if (its_name == name) return &value;
    return nullptr;
}

void http_target::allow_only(std::vector<std::string_view> const& names) const {
    std::vector<std::string_view> seen;
    for (auto const& [name, value] : parameters_) {
        if (std::find(names.begin(), names.end(), name) == names.end())
            throw bad_request{"there is no parameter " + named(name)};
        if (std::find(seen.begin(), seen.end(), name) != seen.end())
            throw bad_request{"the parameter " + named(name) + " comes twice"};
        seen.emplace_back(name);
    }
}

std::uint64_t http_target::number(std::string_view name, std::uint64_t otherwise,
                                  std::uint64_t least, std::uint64_t most) const {
    auto const* text = find(name);
    if (!text) return otherwise;
    auto value = whole_number(*text);
    if (!value || *value < least || *value > most)
        throw bad_request{named(name) + " is a number from " + std::to_string(least) + " to " +
                          std::to_string(most)};
    return *value;
}

std::optional<std::chrono::milliseconds> http_target::time(std::string_view name) const {
    struct unit {
        std::string_view name;
        std::uint64_t milliseconds;
    };
    constexpr std::array units{unit{"ms", 1}, unit{"s", 1'000}, unit{"m", 60'000},
                               unit{"h", 3'600'000}};
    constexpr std::uint64_t year = std::uint64_t{365} * 24 * 3'600'000;
    auto const* text = find(name);
    if (!text) return std::nullopt;
    auto letters = std::min(text->find_first_not_of("0123456789"), text->size());
    auto count = whole_number(std::string_view{*text}.substr(0, letters));
    for (auto const& each : units)
        if (count && text->substr(letters) == each.name && *count <= year / each.milliseconds)
            return std::chrono::milliseconds{*count * each.milliseconds};
    throw bad_request{named(name) + " is a time such as 500ms, 30s, 5m or 1h, up to a year"};
}

} // namespace millipede::detail
