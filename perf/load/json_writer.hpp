// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace load {

// Just enough JSON for one report: nested objects with text, numbers and truth values.
class json_writer {
  public:
    json_writer() { text_ = "{"; }

    void begin(std::string_view key);
    void end();
    void text(std::string_view key, std::string_view value);
    void truth(std::string_view key, bool value);
    void whole(std::string_view key, std::uint64_t value);
    void number(std::string_view key, double value, int decimals = 3);

    std::string finish() { return text_ + "}"; } // call once, with every begin() ended

  private:
    void write_key(std::string_view key);
    void write_quoted(std::string_view value);

    std::string text_;
    bool first_ = true;
};

} // namespace load
