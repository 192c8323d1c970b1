// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <boost/endian/arithmetic.hpp>

#include <cstdint>

/// The messages of MarioTCP's sample server; docs/protocol.md shows them byte by byte.

struct login_request {
    static constexpr std::uint16_t command = 0x6101;
    boost::endian::little_uint16_t uid;
};

/// Says that the login counted: a head alone.
struct login_reply {
    static constexpr std::uint16_t command = 0x6101;
};

/// A ping: comes back as it was sent, whatever its data.
inline constexpr std::uint16_t echo_command = 0x6102;
