// SPDX-License-Identifier: BSL-1.0
#include "json_writer.hpp"

#include <array>
#include <cstdio>

namespace load {

void json_writer::write_quoted(std::string_view value) {
    text_ += '"';
    for (char const character : value) {
        auto const code = static_cast<unsigned char>(character);
        if (code < 0x20) {
            std::array<char, 8> escaped{};
            std::snprintf(escaped.data(), escaped.size(), "\\u%04x", unsigned{code});
            text_ += escaped.data();
            continue;
        }
        if (character == '"' || character == '\\') text_ += '\\';
        text_ += character;
    }
    text_ += '"';
}

void json_writer::write_key(std::string_view key) {
    if (!first_) text_ += ',';
    first_ = false;
    write_quoted(key);
    text_ += ':';
}

void json_writer::begin(std::string_view key) {
    write_key(key);
    text_ += '{';
    first_ = true;
}

void json_writer::end() {
    text_ += '}';
    first_ = false;
}

void json_writer::text(std::string_view key, std::string_view value) {
    write_key(key);
    write_quoted(value);
}

void json_writer::truth(std::string_view key, bool value) {
    write_key(key);
    text_ += value ? "true" : "false";
}

void json_writer::whole(std::string_view key, std::uint64_t value) {
    write_key(key);
    text_ += std::to_string(value);
}

void json_writer::number(std::string_view key, double value, int decimals) {
    write_key(key);
    std::array<char, 64> digits{};
    std::snprintf(digits.data(), digits.size(), "%.*f", decimals, value);
    text_ += digits.data();
}

} // namespace load
