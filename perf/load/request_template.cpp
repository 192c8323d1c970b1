// SPDX-License-Identifier: BSL-1.0
#include "request_template.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <stdexcept>

namespace load {

namespace {

void append_number(std::string& to, std::uint64_t number) {
    std::array<char, 20> digits{};
    auto const end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
    to.append(digits.data(), end);
}

// Anything else would make another request than was asked for, or two.
bool is_visible(std::string_view text) {
    return std::ranges::all_of(text, [](char letter) { return letter > ' ' && letter < 0x7f; });
}

} // namespace

request_template::request_template(std::string_view path, std::string_view host,
                                   std::vector<std::string> const& fields) {
    if (!path.starts_with('/') || !is_visible(path))
        throw std::invalid_argument("'" + std::string{path} +
                                    "' is no path: a slash first, no spaces");
    std::string text{"GET "};
    while (!path.empty()) {
        auto const next = std::min(path.find("{n}"), path.find("{seq}"));
        text += path.substr(0, next);
        if (next == std::string_view::npos) break;
        auto const channel = path.substr(next).starts_with("{n}");
        sections_.push_back({std::move(text), channel ? blank::channel : blank::sequence});
        text.clear();
        path.remove_prefix(next + (channel ? 3 : 5));
    }
    text += " HTTP/1.1\r\nHost: " + std::string{host} + "\r\n";
    for (auto const& field : fields) {
        if (field.find(':') == std::string::npos ||
            field.find_first_of("\r\n") != std::string::npos)
            throw std::invalid_argument("'" + field + "' is not 'Name: value'");
        text += field + "\r\n";
    }
    sections_.push_back({text + "\r\n", blank::none});
}

std::string_view request_template::render(std::uint64_t channel, std::uint32_t sequence) {
    rendered_.clear();
    for (auto const& each : sections_) {
        rendered_ += each.text;
        if (each.then == blank::channel) append_number(rendered_, channel);
        if (each.then == blank::sequence) append_number(rendered_, sequence);
    }
    return rendered_;
}

} // namespace load
