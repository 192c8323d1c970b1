// SPDX-License-Identifier: BSL-1.0
#include "quantity.hpp"

#include <charconv>
#include <stdexcept>

namespace load {

std::uint64_t parse_integer(std::string_view text) {
    int base = 10;
    std::string_view digits = text;
    if (digits.starts_with("0x") || digits.starts_with("0X")) {
        digits.remove_prefix(2);
        base = 16;
    }
    std::uint64_t value = 0;
    auto const [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
    if (digits.empty() || error != std::errc{} || end != digits.data() + digits.size())
        throw std::invalid_argument("'" + std::string{text} + "' is not a whole number");
    return value;
}

std::chrono::nanoseconds parse_duration(std::string_view text) {
    auto const unit_at = text.find_first_not_of("0123456789");
    auto const unit = unit_at == std::string_view::npos ? std::string_view{} : text.substr(unit_at);
    std::uint64_t nanoseconds_per_unit = 0;
    if (unit == "ms") nanoseconds_per_unit = 1'000'000;
    if (unit == "s") nanoseconds_per_unit = 1'000'000'000;
    if (unit == "m") nanoseconds_per_unit = 60'000'000'000;
    if (nanoseconds_per_unit == 0 || unit_at == 0)
        throw std::invalid_argument("'" + std::string{text} +
                                    "' is not a time such as 250ms, 10s or 5m");
    auto const count = parse_integer(text.substr(0, unit_at));
    // A year is far beyond any run and far below what would overflow the clock's arithmetic.
    constexpr std::uint64_t nanoseconds_max = 365ULL * 86'400 * 1'000'000'000;
    if (count > nanoseconds_max / nanoseconds_per_unit)
        throw std::invalid_argument("'" + std::string{text} + "' is longer than a year");
    return std::chrono::nanoseconds{static_cast<std::int64_t>(count * nanoseconds_per_unit)};
}

std::string grouped(std::uint64_t value) {
    auto text = std::to_string(value);
    for (auto at = static_cast<std::ptrdiff_t>(text.size()) - 3; at > 0; at -= 3)
        text.insert(static_cast<std::size_t>(at), ",");
    return text;
}

} // namespace load
