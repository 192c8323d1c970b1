// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <boost/asio/ip/address.hpp>

#include <cstddef>
#include <cstdint>

namespace millipede::detail {

/// Whom limits per source address take for one and the same: an IPv4 address, also when it comes
/// mapped into IPv6, or the first 64 bits of an IPv6 address, which one subscriber has to himself.
class source_key {
  public:
    /// Nobody in particular: not limited.
    constexpr source_key() noexcept = default;
    explicit source_key(boost::asio::ip::address const& address) noexcept;

    constexpr bool known() const noexcept { return bits_ != nobody; }
    constexpr std::uint64_t bits() const noexcept { return bits_; }

    friend constexpr bool operator==(source_key, source_key) noexcept = default;

  private:
    // A multicast prefix: nothing comes from there.
    static constexpr std::uint64_t nobody = UINT64_MAX;

    std::uint64_t bits_ = nobody;
};

} // namespace millipede::detail
