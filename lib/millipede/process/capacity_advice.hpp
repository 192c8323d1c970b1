// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/process/capacity.hpp>

#include <string>
#include <vector>

namespace millipede::detail {

/// 1234567 as "1,234,567".
std::string with_thousands(std::uint64_t number);

/// Bytes in the largest unit that leaves a number of at least one: "3.7 GiB".
std::string in_bytes(std::uint64_t bytes);

/// What ends no connection, but hurts; of a verdict that has its limits already.
std::vector<capacity_advice> advice_for(machine const& found, capacity const& verdict);

} // namespace millipede::detail
