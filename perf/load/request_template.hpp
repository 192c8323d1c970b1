// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace load {

// An HTTP GET whose path has {n}, the number of a channel, and {seq}, that of the next message.
class request_template {
  public:
    // `fields` are further lines without their ends. Throws std::invalid_argument with a phrase
    // that fits behind "--option: ".
    request_template(std::string_view path, std::string_view host,
                     std::vector<std::string> const& fields);

    // The request; valid until the next call.
    std::string_view render(std::uint64_t channel, std::uint32_t sequence);

  private:
    enum class blank { none, channel, sequence };
    struct section {
        std::string text;
        blank then = blank::none;
    };
    std::vector<section> sections_;
    std::string rendered_;
};

} // namespace load
