// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>

namespace load {

// The finalizer of splitmix64: spreads neighbouring numbers over all 64 bits.
constexpr std::uint64_t mixed(std::uint64_t value) {
    value += 0x9e37'79b9'7f4a'7c15ULL;
    value = (value ^ (value >> 30)) * 0xbf58'476d'1ce4'e5b9ULL;
    value = (value ^ (value >> 27)) * 0x94d0'49bb'1331'11ebULL;
    return value ^ (value >> 31);
}

// Small and seeded, so that a run's choice of victims can be repeated.
class random_source {
  public:
    explicit random_source(std::uint64_t seed) : state_{mixed(seed)} {}

    std::uint64_t next() {
        state_ += 0x9e37'79b9'7f4a'7c15ULL;
        return mixed(state_);
    }

    // The bias of the remainder is below 2^-32 for every bound in use here.
    std::uint32_t below(std::uint32_t bound) { return static_cast<std::uint32_t>(next() % bound); }

  private:
    std::uint64_t state_;
};

} // namespace load
