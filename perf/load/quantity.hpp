// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace load {

// Both throw std::invalid_argument with a phrase that fits behind "--option: ".
std::uint64_t parse_integer(std::string_view text);             // 1000, 0x6102
std::chrono::nanoseconds parse_duration(std::string_view text); // 250ms, 10s, 5m

// 1234567 as 1,234,567: long runs print numbers that nobody can read otherwise.
std::string grouped(std::uint64_t value);

} // namespace load
