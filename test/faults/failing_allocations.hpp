// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>

namespace test {

/// While it lives, allocations of this thread that are made in a `fragile_scope` fail: the one of
/// the given number, counted from 1, or that one and all that follow. One per thread at a time.
class failing_allocations {
  public:
    enum class how_many { one, all_from_there };

    failing_allocations(std::uint64_t number, how_many count) noexcept;
    ~failing_allocations();
    failing_allocations(failing_allocations const&) = delete;
    failing_allocations& operator=(failing_allocations const&) = delete;
};

/// What is tested; all around it, the test itself among it, has the memory it wants.
class fragile_scope {
  public:
    fragile_scope() noexcept;
    ~fragile_scope();
    fragile_scope(fragile_scope const&) = delete;
    fragile_scope& operator=(fragile_scope const&) = delete;
};

/// Allocations of this thread that have failed since the start.
std::uint64_t failed_allocations() noexcept;

} // namespace test
