// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/base/options.hpp>
#include <millipede/base/rate_limit.hpp>
#include <millipede/base/source_key.hpp>

#include <cstddef>
#include <new>
#include <type_traits>

namespace millipede::detail {

/// What a connection has sent lately, for the limits of its rates.
struct pace {
    rate_limit::bucket messages;
    rate_limit::bucket bytes;
};

/// What follows the session in a slot: only what the limits that are on have to know of every
/// connection, so that a limit that is off costs no byte. One layout for all slots of a server.
class slot_appendix {
  public:
    /// Nothing.
    constexpr slot_appendix() noexcept = default;
    constexpr slot_appendix(bool has_pace, bool has_source) noexcept
        : pace_bytes_{has_pace ? sizeof(pace) : 0},
          source_bytes_{has_source ? sizeof(source_key) : 0} {}
    explicit slot_appendix(options const& limits) noexcept
        : slot_appendix{limits.messages_per_second != 0 || limits.bytes_per_second != 0,
                        limits.connections_per_source_max != 0} {}

    constexpr std::size_t bytes() const noexcept { return pace_bytes_ + source_bytes_; }

    /// A connection begins.
    void begin(std::byte* at) const noexcept {
        if (pace_bytes_ != 0) new (at) pace{};
        if (source_bytes_ != 0) new (at + pace_bytes_) source_key{};
    }
    pace& pace_in(std::byte* at) const noexcept {
        return *std::launder(reinterpret_cast<pace*>(at));
    }
    source_key& source_in(std::byte* at) const noexcept {
        return *std::launder(reinterpret_cast<source_key*>(at + pace_bytes_));
    }

  private:
    // A slot ends without a word to what is in it.
    static_assert(std::is_trivially_destructible_v<pace>);
    static_assert(std::is_trivially_destructible_v<source_key>);
    static_assert(sizeof(pace) % 8 == 0 && sizeof(source_key) % 8 == 0); // slots are aligned to 8

    std::size_t pace_bytes_ = 0;
    std::size_t source_bytes_ = 0;
};

} // namespace millipede::detail
