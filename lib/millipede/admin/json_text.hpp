// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

namespace millipede::detail {

/// A JSON text in the making. Commas come by themselves; that brackets match, and that members have
/// keys, is for the caller to see to. What is no UTF-8 in a string becomes U+FFFD, and numbers that
/// JSON does not have (infinite, none) become null.
class json_text {
  public:
    json_text& begin_object() { return open('{'); }
    json_text& end_object() { return close('}'); }
    json_text& begin_array() { return open('['); }
    json_text& end_array() { return close(']'); }
    json_text& key(std::string_view name);

    json_text& value(std::string_view text);
    json_text& value(char const* text) { return value(std::string_view{text}); }
    json_text& value(double number);
    json_text& value(bool is) { return put(is ? "true" : "false"); }
    template <std::integral Number>
    json_text& value(Number number) {
        return put(std::to_string(number));
    }
    json_text& null() { return put("null"); }

    template <class T>
    json_text& member(std::string_view name, T const& its_value) {
        return key(name).value(its_value);
    }

    std::string take() && { return std::move(text_); }

  private:
    json_text& open(char bracket);
    json_text& close(char bracket);
    json_text& put(std::string_view token);
    void separate();

    std::string text_;
    bool needs_comma_ = false;
};

} // namespace millipede::detail
