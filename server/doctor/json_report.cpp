// SPDX-License-Identifier: BSL-1.0
#include "reports.hpp"

#include <array>
#include <cstdint>
#include <cstdio>
#include <vector>

namespace {

using namespace millipede;

std::string quoted(std::string const& text) {
    std::string json = "\"";
    for (char letter : text) {
        if (letter == '"' || letter == '\\') json += '\\';
        if (static_cast<unsigned char>(letter) < 0x20) {
            std::array<char, 8> escape{};
            std::snprintf(escape.data(), escape.size(), "\\u%04x",
                          static_cast<unsigned>(static_cast<unsigned char>(letter)));
            json += escape.data();
        } else {
            json += letter;
        }
    }
    return json + '"';
}

std::string number(std::uint64_t value) {
    return value == unlimited ? "null" : std::to_string(value);
}

template <class Element, class Writer>
std::string array_of(std::vector<Element> const& elements, Writer const& write) {
    std::string json = "[";
    for (auto const& each : elements)
        json += (json.size() > 1 ? "," : "") + write(each);
    return json + ']';
}

std::string remedies_of(std::vector<remedy> const& remedies) {
    return array_of(remedies, [](remedy const& each) {
        return "{\"where\":" + quoted(each.where) + ",\"line\":" + quoted(each.line) + '}';
    });
}

std::string limit_of(capacity_limit const& limit, bool asked) {
    return "{\"name\":" + quoted(limit.name) +
           ",\"unit\":" + (limit.in_bytes ? "\"bytes\"" : "\"count\"") +
           ",\"value\":" + number(limit.value) + ",\"in_use\":" + number(limit.in_use) +
           ",\"allows\":" + number(limit.allows) +
           ",\"needs\":" + (asked ? number(limit.needs) : "null") +
           ",\"remedies\":" + remedies_of(limit.remedies) + '}';
}

std::string advice_of(capacity_advice const& advice) {
    return "{\"name\":" + quoted(advice.name) + ",\"text\":" + quoted(advice.text) +
           ",\"remedies\":" + remedies_of(advice.remedies) + '}';
}

std::string enough_of(capacity const& verdict) {
    auto enough = verdict.enough();
    if (verdict.wanted == 0 || !enough) return "null";
    return *enough ? "true" : "false";
}

} // namespace

std::string as_json(capacity const& verdict) {
    bool asked = verdict.wanted > 0;
    return "{\"holds\":" + number(verdict.holds()) +
           ",\"first\":" + quoted(verdict.limits.front().name) +
           ",\"wanted\":" + (asked ? number(verdict.wanted) : "null") +
           ",\"enough\":" + enough_of(verdict) + ",\"workers\":" + number(verdict.workers) +
           ",\"bytes_per_connection\":" + number(verdict.bytes_per_connection) + ",\"limits\":" +
           array_of(verdict.limits, [&](auto const& each) { return limit_of(each, asked); }) +
           ",\"advice\":" + array_of(verdict.advice, advice_of) +
           ",\"unclear\":" + array_of(verdict.unclear, quoted) + "}\n";
}
