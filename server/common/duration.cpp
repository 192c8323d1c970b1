// SPDX-License-Identifier: BSL-1.0
#include "common/duration.hpp"

#include <array>
#include <charconv>
#include <cstdint>
#include <istream>
#include <ostream>
#include <stdexcept>
#include <utility>

namespace {

constexpr std::array<std::pair<std::string_view, std::int64_t>, 4> units{
    {{"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}, {"ms", 1}}};

// Beyond a century a time is a slip of the keyboard, and its milliseconds might not fit.
constexpr std::int64_t milliseconds_max = 100LL * 365 * 24 * 3'600'000;

} // namespace

duration parse_duration(std::string_view text) {
    auto refuse = [&](char const* why) {
        return std::invalid_argument{"'" + std::string{text} + "' " + why};
    };
    std::int64_t count = 0;
    auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), count);
    if (failure != std::errc{} || count < 0)
        throw refuse("is not a time: a number and its unit, such as 300s or 100ms");
    std::string_view unit{end, static_cast<std::size_t>(text.data() + text.size() - end)};
    for (auto [name, milliseconds] : units)
        if (name == unit) {
            if (count > milliseconds_max / milliseconds) throw refuse("is more than a century");
            return {std::chrono::milliseconds{count * milliseconds}};
        }
    throw refuse("needs a unit: ms, s, m or h");
}

std::string to_string(duration value) {
    auto count = value.value.count();
    for (auto [name, milliseconds] : units)
        if (count >= milliseconds && count % milliseconds == 0)
            return std::to_string(count / milliseconds) + std::string{name};
    return std::to_string(count) + (count == 0 ? "s" : "ms");
}

std::istream& operator>>(std::istream& stream, duration& value) {
    std::string text;
    stream >> text;
    try {
        value = parse_duration(text);
    } catch (std::invalid_argument const&) {
        stream.setstate(std::ios::failbit);
    }
    return stream;
}

std::ostream& operator<<(std::ostream& stream, duration const& value) {
    return stream << to_string(value);
}
