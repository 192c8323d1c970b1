// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/wire/codec.hpp>
#include <millipede/wire/payload.hpp>

#include <stdexcept>
#include <string>
#include <string_view>

namespace millipede {

/// Messages of one and the same size, one after the other, with nothing in between. Each is valid
/// until the handler returns.
class fixed_codec {
  public:
    /// The bytes of one message.
    using message_type = std::span<std::byte const>;

    /// \param size of every message, in bytes: 1 to 1 GiB. \throws std::invalid_argument
    explicit fixed_codec(std::uint32_t size) : size_{size} {
        if (size < 1 || size > 1U << 30)
            throw std::invalid_argument{"message size: " + std::to_string(size) +
                                        " is not in 1 to 1073741824"};
    }

    /// The size of every message.
    std::size_t size_max() const noexcept { return size_; }

    /// See `codec`.
    decode_result decode(std::span<std::byte const> input, message_type& data) const noexcept {
        if (input.size() < size_) return decode_result::incomplete(size_);
        data = input.first(size_);
        return decode_result::complete(size_);
    }

    /// \throws std::length_error for any other size.
    template <byte_sink Sink>
    void encode(std::span<std::byte const> data, Sink& sink) const {
        if (data.size() != size_)
            throw std::length_error{"a message of " + std::to_string(data.size()) +
                                    " bytes where all have " + std::to_string(size_)};
        sink.append(data);
    }
    /// The same for text.
    template <byte_sink Sink>
    void encode(std::string_view text, Sink& sink) const {
        encode(as_bytes(text), sink);
    }

  private:
    std::uint32_t size_;
};

static_assert(codec<fixed_codec>);

} // namespace millipede
