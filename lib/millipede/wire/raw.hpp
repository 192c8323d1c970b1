// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/wire/codec.hpp>
#include <millipede/wire/payload.hpp>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <string_view>

namespace millipede {

/// No framing at all: a message is whatever has come, never empty, cut where the network or the
/// server's buffers have cut it. Valid until the handler returns.
class raw_codec {
  public:
    /// What one read brought, or a part of it.
    using message_type = std::span<std::byte const>;

    /// \param size_max what comes at once is given in pieces of at most so many bytes: 1 to 1 GiB.
    /// \throws std::invalid_argument
    explicit raw_codec(std::uint32_t size_max = 65'536) : size_max_{size_max} {
        if (size_max < 1 || size_max > 1U << 30)
            throw std::invalid_argument{"piece size limit: " + std::to_string(size_max) +
                                        " is not in 1 to 1073741824"};
    }

    /// The most that a message has.
    std::size_t size_max() const noexcept { return size_max_; }

    /// See `codec`.
    decode_result decode(std::span<std::byte const> input, message_type& data) const noexcept {
        if (input.empty()) return decode_result::incomplete(1);
        data = input.first(std::min(input.size(), size_max()));
        return decode_result::complete(data.size());
    }

    /// Of any size.
    template <byte_sink Sink>
    void encode(std::span<std::byte const> data, Sink& sink) const {
        if (!data.empty()) sink.append(data);
    }
    /// The same for text.
    template <byte_sink Sink>
    void encode(std::string_view text, Sink& sink) const {
        encode(as_bytes(text), sink);
    }

  private:
    std::uint32_t size_max_;
};

static_assert(codec<raw_codec>);

} // namespace millipede
