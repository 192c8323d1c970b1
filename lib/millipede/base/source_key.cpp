// SPDX-License-Identifier: BSL-1.0
#include <millipede/base/source_key.hpp>

namespace millipede::detail {
namespace {

// In the prefixes 0:0::/32, which RFC 4291 reserves: no IPv6 source but ::1, with prefix 0, and no
// IPv4 source has the number 0.
std::uint64_t number_of(boost::asio::ip::address_v4 const& address) noexcept {
    return address.to_uint();
}

std::uint64_t number_of(boost::asio::ip::address_v6 const& address) noexcept {
    auto bytes = address.to_bytes();
    std::uint64_t prefix = 0;
    for (std::size_t index = 0; index < 8; ++index)
        prefix = prefix << 8 | bytes[index];
    return prefix;
}

} // namespace

source_key::source_key(boost::asio::ip::address const& address) noexcept {
    if (address.is_v4())
        bits_ = number_of(address.to_v4());
    else if (auto v6 = address.to_v6(); v6.is_v4_mapped())
        bits_ = number_of(boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, v6));
    else
        bits_ = number_of(v6);
}

} // namespace millipede::detail
