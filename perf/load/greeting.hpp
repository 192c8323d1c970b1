// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "frame.hpp"
#include "options.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace load {

// What a connection says first and what must come back: a login and the head that answers it. A
// raw server knows no login: it gets as many bytes, and owes the same ones.
class greeting {
  public:
    explicit greeting(options const& settings);

    using request = std::array<std::byte, login_bytes>;
    request make_request(std::uint64_t connection_key, std::uint16_t uid) const;

    // Either in `asked` or in this object.
    std::span<std::byte const> reply_to(request const& asked) const;

  private:
    codec_kind codec_;
    std::uint32_t magic_;
    std::uint16_t command_;
    head reply_;
};

} // namespace load
