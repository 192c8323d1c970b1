// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <compare>
#include <cstdint>
#include <functional>

namespace millipede {

/// The name of one connection: 64 bits, a plain value, safe to copy, to keep and to use from any
/// thread for as long as one likes. It stays the name of that one connection for ever: when the
/// slot is used again, the generation differs, and a stale holder is refused
/// (`errc::stale_connection`), never led to a stranger.
///
/// Limits: 256 workers, 16,777,216 slots per worker; a generation comes back after 2^32 uses of
/// the same slot, which at 40,000 new connections per second on one single slot is 29 hours.
class connection_id {
  public:
    /// The limits named above.
    static constexpr std::uint32_t workers_max = 1U << 8;
    /// \copydoc workers_max
    static constexpr std::uint32_t slots_max = 1U << 24;

    /// The name of no connection.
    constexpr connection_id() noexcept = default;

    /// From its parts, each within its limit.
    constexpr connection_id(std::uint32_t worker, std::uint32_t slot,
                            std::uint32_t generation) noexcept
        : value_{std::uint64_t{worker} << 56 | std::uint64_t{slot} << 32 | generation} {}

    /// From `value()`, for ids that travelled through another system.
    static constexpr connection_id from_value(std::uint64_t value) noexcept {
        connection_id id;
        id.value_ = value;
        return id;
    }

    /// All of it, to be stored or sent elsewhere; 0 for the name of no connection.
    constexpr std::uint64_t value() const noexcept { return value_; }
    /// The index of the connection's worker.
    constexpr std::uint32_t worker() const noexcept {
        return static_cast<std::uint32_t>(value_ >> 56);
    }
    /// Its slot in the pool of that worker.
    constexpr std::uint32_t slot() const noexcept {
        return static_cast<std::uint32_t>(value_ >> 32) & (slots_max - 1);
    }
    /// Which of the slot's owners it is.
    constexpr std::uint32_t generation() const noexcept {
        return static_cast<std::uint32_t>(value_);
    }

    /// False for the name of no connection. True does not mean that the connection is still there.
    constexpr explicit operator bool() const noexcept { return value_ != 0; }

    /// Any order that is the same everywhere, for maps and sets.
    friend constexpr auto operator<=>(connection_id, connection_id) noexcept = default;

  private:
    std::uint64_t value_ = 0; // generations begin at 1, so 0 names nobody
};

} // namespace millipede

/// \cond
template <>
struct std::hash<millipede::connection_id> {
    std::size_t operator()(millipede::connection_id id) const noexcept {
        return std::hash<std::uint64_t>{}(id.value());
    }
};
/// \endcond
