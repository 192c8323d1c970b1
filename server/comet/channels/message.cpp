// SPDX-License-Identifier: BSL-1.0
#include "channels/message.hpp"

#include <algorithm>
#include <cstddef>

namespace comet {
namespace {

std::string_view name_of(message_type type) noexcept {
    switch (type) {
    case message_type::data:
        return "data";
    case message_type::broadcast:
        return "broadcast";
    case message_type::noop:
        return "noop";
    case message_type::next_seq:
        return "next_seq";
    case message_type::close:
        return "close";
    case message_type::bad_token:
        return "401";
    case message_type::too_many:
        return "429";
    case message_type::open:
        return "open";
    case message_type::gap:
        return "gap";
    case message_type::present:
        return "present";
    case message_type::join:
        return "join";
    case message_type::leave:
        return "leave";
    case message_type::unsubscribed:
        return "unsubscribed";
    case message_type::ok:
        return "ok";
    case message_type::bad_command:
        return "400";
    case message_type::forbidden:
        return "403";
    case message_type::subscribed:
        return "409";
    case message_type::unavailable:
        return "503";
    }
    return "";
}

void append_control(std::string& to, char letter) {
    constexpr std::string_view digits{"0123456789abcdef"};
    switch (letter) {
    case '\n':
        to += "\\n";
        break;
    case '\r':
        to += "\\r";
        break;
    case '\t':
        to += "\\t";
        break;
    default:
        to += "\\u00";
        to += digits[static_cast<unsigned char>(letter) >> 4];
        to += digits[static_cast<unsigned char>(letter) & 15];
    }
}

std::string escape(std::string_view text, bool quotes_too) {
    std::string escaped;
    escaped.reserve(text.size() + 8);
    for (char letter : text) {
        if (static_cast<unsigned char>(letter) < 0x20)
            append_control(escaped, letter);
        else if (quotes_too && (letter == '"' || letter == '\\'))
            (escaped += '\\') += letter;
        else
            escaped += letter;
    }
    return escaped;
}

} // namespace

std::string json_escaped(std::string_view text) {
    return escape(text, true);
}

std::string json_completed(std::string_view escaped) {
    return escape(escaped, false);
}

bool is_json_escaped(std::string_view text) noexcept {
    auto is_digit = [](char letter) {
        return (letter >= '0' && letter <= '9') || (letter >= 'a' && letter <= 'f') ||
               (letter >= 'A' && letter <= 'F');
    };
    while (!text.empty()) {
        constexpr std::size_t digits = 4;
        char letter = text.front();
        text.remove_prefix(1);
        if (letter == '"') return false;
        if (letter != '\\') continue;
        if (text.empty()) return false;
        char escaped = text.front();
        text.remove_prefix(1);
        if (escaped != 'u') {
            if (std::string_view{"\"\\/bfnrt"}.find(escaped) == std::string_view::npos)
                return false;
            continue;
        }
        if (text.size() < digits || !std::all_of(text.begin(), text.begin() + digits, is_digit))
            return false;
        text.remove_prefix(digits);
    }
    return true;
}

std::string message_object(message_type type, std::string_view channel, sequence number,
                           std::string_view content) {
    std::string text;
    text.reserve(64 + channel.size() + content.size());
    text.append("{\"type\":\"").append(name_of(type));
    text.append("\",\"cname\":\"").append(json_escaped(channel));
    text.append("\",\"seq\":").append(std::to_string(number));
    text.append(",\"content\":\"").append(content).append("\"}");
    return text;
}

std::string epoch_text(std::uint32_t epoch) {
    constexpr std::string_view digits{"0123456789abcdef"};
    std::string text;
    for (int shift = 28; shift >= 0; shift -= 4)
        text += digits[epoch >> shift & 15];
    return text;
}

std::string marker_object(message_type type, std::string_view channel, sequence number,
                          std::string_view content, std::uint32_t epoch) {
    auto text = message_object(type, channel, number, content);
    text.pop_back();
    return text.append(",\"epoch\":\"").append(epoch_text(epoch)).append("\"}");
}

} // namespace comet
