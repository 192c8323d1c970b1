// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace comet {

/// What a subscriber has to show: 128 bits from the system's source of randomness.
class token {
  public:
    /// A new one. \throws std::system_error when the system has none to give.
    static token make();

    /// 32 hexadecimal digits.
    std::string text() const;
    /// Whether `text` is that of this token; takes the same time wherever it differs.
    bool matches(std::string_view text) const;

  private:
    std::array<std::uint8_t, 16> bytes_{};
};

/// SipHash-1-3 with a key of the process's own: names come from strangers, who must not be able to
/// choose many that fall into one place of a table.
std::uint64_t name_hash(std::string_view name);

/// The same with a key, for the test.
std::uint64_t siphash13(std::array<std::uint64_t, 2> const& key, std::string_view text) noexcept;

} // namespace comet
