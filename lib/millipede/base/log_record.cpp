// SPDX-License-Identifier: BSL-1.0
#include <millipede/base/log.hpp>
#include <millipede/base/log_record.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <string>

namespace millipede {
namespace {

constexpr std::string_view replacement{"\xef\xbf\xbd"}; // U+FFFD

// A character of UTF-8: how many bytes it takes, 0 when they are none.
struct character {
    std::size_t size;
    char32_t code;
};

character character_at(std::string_view text) noexcept {
    auto byte = [&](std::size_t index) {
        return static_cast<char32_t>(static_cast<unsigned char>(text[index]));
    };
    auto first = byte(0);
    if (first < 0x80) return {1, first};
    std::size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || text.size() < size) return {0, 0};
    char32_t code = first & (0x7fU >> size);
    for (std::size_t index = 1; index < size; ++index) {
        if ((byte(index) & 0xc0U) != 0x80) return {0, 0};
        code = code << 6 | (byte(index) & 0x3fU);
    }
    constexpr std::array<char32_t, 5> least{0, 0, 0x80, 0x800, 0x10000}; // by size
    bool surrogate = code >= 0xd800 && code <= 0xdfff;
    if (code < least[size] || surrogate || code > 0x10ffff) return {0, 0};
    return {size, code};
}

// Control characters, those of C1 and DEL as well: a terminal that shows the file obeys them.
std::string escaped(char32_t code) {
    std::array<char, 16> text{};
    std::snprintf(text.data(), text.size(), "\\u%04x", static_cast<unsigned>(code));
    return text.data();
}

std::string shown(std::string_view bytes, char32_t code) {
    switch (code) {
    case '"':
        return "\\\"";
    case '\\':
        return "\\\\";
    case '\n':
        return "\\n";
    case '\r':
        return "\\r";
    case '\t':
        return "\\t";
    default:
        break;
    }
    bool control = code < 0x20 || (code >= 0x7f && code <= 0x9f);
    return control ? escaped(code) : std::string{bytes};
}

// As much of `text` as fits into `bytes_max` more bytes. False when something is missing.
bool append_escaped(std::string& line, std::string_view text, std::size_t bytes_max) {
    auto end = line.size() + bytes_max;
    while (!text.empty()) {
        auto [size, code] = character_at(text);
        auto piece = size == 0 ? std::string{replacement} : shown(text.substr(0, size), code);
        if (line.size() + piece.size() > end) return false;
        line += piece;
        text.remove_prefix(size == 0 ? 1 : size);
    }
    return true;
}

std::string in_utc(std::chrono::system_clock::time_point time) {
    using namespace std::chrono;
    auto day = floor<days>(time);
    year_month_day date{day};
    hh_mm_ss clock{floor<microseconds>(time - day)};
    std::array<char, 48> text{};
    std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%06dZ",
                  static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                  static_cast<unsigned>(date.day()), static_cast<int>(clock.hours().count()),
                  static_cast<int>(clock.minutes().count()),
                  static_cast<int>(clock.seconds().count()),
                  static_cast<int>(clock.subseconds().count()));
    return text.data();
}

bool has_field(std::span<log_field const> fields, std::string_view name) noexcept {
    for (auto const& each : fields)
        if (each.name == name) return true;
    return false;
}

// A key may stand once: those of every line, and the first of several fields.
bool is_first(std::span<log_field const> fields, std::size_t index) noexcept {
    auto const& name = fields[index].name;
    for (std::string_view own : {"time", "severity", "message", "cut"})
        if (name == own) return false;
    return !has_field(fields.first(index), name);
}

// Appends `,"name":value`. False, and nothing or less is there, when it does not fit.
bool append_field(std::string& line, log_field const& which, std::size_t bytes_max) {
    std::string piece = ",\"";
    bool whole = append_escaped(piece, which.name, bytes_max) && !which.name.empty();
    piece += "\":";
    if (which.literal) {
        piece += which.value;
        whole = whole && piece.size() <= bytes_max;
        if (whole) line += piece;
        return whole;
    }
    if (!whole || piece.size() + 2 > bytes_max) return false;
    piece += '"';
    whole = append_escaped(piece, which.value, bytes_max - piece.size() - 1);
    line += piece + '"';
    return whole;
}

} // namespace

std::string_view to_string(log_format format) noexcept {
    return format == log_format::json ? "json" : "text";
}

std::string detail::json_line(log_record const& record, std::size_t bytes_max) {
    constexpr std::string_view cut_mark{",\"cut\":true"};
    auto fields = record.fields;
    std::string rest;
    if (record.worker && !has_field(fields, "worker"))
        append_field(rest, {"worker", std::to_string(*record.worker), true}, bytes_max);
    if (!has_field(fields, "thread"))
        append_field(rest, {"thread", std::to_string(record.thread), true}, bytes_max);
    bool whole = true;
    for (std::size_t index = 0; index < fields.size(); ++index) {
        if (!is_first(fields, index)) continue;
        auto room = bytes_max / 2 - std::min(bytes_max / 2, rest.size());
        whole = append_field(rest, fields[index], room) && whole;
    }
    std::string line = "{\"time\":\"" + in_utc(record.time) + "\",\"severity\":\"" +
                       std::string{to_string(record.level)} + "\",\"message\":\"";
    auto others = line.size() + 1 + rest.size() + cut_mark.size() + 1;
    auto room = bytes_max - std::min(bytes_max, others);
    whole = append_escaped(line, record.message, room) && whole;
    line += '"';
    line += rest;
    if (!whole) line += cut_mark;
    line += '}';
    return line;
}

std::optional<std::string> detail::json_literal(double value) {
    if (!std::isfinite(value)) return std::nullopt;
    std::array<char, 32> text{};
    auto [end, failure] = std::to_chars(text.data(), text.data() + text.size(), value);
    if (failure != std::errc{}) return std::nullopt;
    return std::string{text.data(), end};
}

} // namespace millipede
