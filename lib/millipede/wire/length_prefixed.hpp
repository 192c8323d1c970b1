// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/wire/codec.hpp>
#include <millipede/wire/payload.hpp>

#include <array>
#include <bit>
#include <stdexcept>
#include <string>
#include <string_view>

namespace millipede {

/// Each message behind its length, a number of 8, 16, 32 or 64 bits in either byte order. A message
/// is its bytes without that number, valid until the handler returns; it may be empty.
class length_prefixed_codec {
  public:
    /// The bytes of one message, without the length.
    using message_type = std::span<std::byte const>;

    /// What a service agrees on with its clients.
    struct settings {
        /// Of the length: 8, 16, 32 or 64.
        unsigned bits = 32;
        /// Of the bytes of the length. Networks write the big end first.
        std::endian order = std::endian::big;
        /// The longest message, without its length: up to 1 GiB, and what the length can tell. What
        /// is announced to be longer is refused at once.
        std::uint32_t data_max = 65'535;
    };

    /// \throws std::invalid_argument for settings outside of the above.
    explicit length_prefixed_codec(settings wanted) : settings_{wanted} {
        auto bits = wanted.bits;
        if (bits != 8 && bits != 16 && bits != 32 && bits != 64)
            throw std::invalid_argument{"length prefix: " + std::to_string(bits) +
                                        " bits are none of 8, 16, 32, 64"};
        auto most = bits == 8 ? 0xffU : bits == 16 ? 0xffffU : 1U << 30;
        if (wanted.data_max > most)
            throw std::invalid_argument{"message size limit: " + std::to_string(wanted.data_max) +
                                        " exceeds " + std::to_string(most)};
    }
    length_prefixed_codec() : length_prefixed_codec{settings{}} {}

    /// With the length.
    std::size_t size_max() const noexcept { return prefix_size() + settings_.data_max; }

    /// See `codec`.
    decode_result decode(std::span<std::byte const> input, message_type& data) const noexcept {
        if (input.size() < prefix_size()) return decode_result::incomplete(prefix_size());
        std::uint64_t length = 0;
        for (std::size_t index = 0; index < prefix_size(); ++index)
            length = length << 8 | std::to_integer<std::uint64_t>(input[place_of(index)]);
        if (length > settings_.data_max) return decode_result::refused(errc::bad_size);
        auto size = prefix_size() + static_cast<std::size_t>(length);
        if (input.size() < size) return decode_result::incomplete(size);
        data = input.subspan(prefix_size(), size - prefix_size());
        return decode_result::complete(size);
    }

    /// \throws std::length_error when there are more bytes than `settings::data_max`.
    template <byte_sink Sink>
    void encode(std::span<std::byte const> data, Sink& sink) const {
        if (data.size() > settings_.data_max)
            throw std::length_error{"a message of " + std::to_string(data.size()) +
                                    " bytes exceeds the limit of " +
                                    std::to_string(settings_.data_max)};
        std::array<std::byte, 8> prefix;
        auto rest = std::uint64_t{data.size()};
        for (auto index = prefix_size(); index-- > 0; rest >>= 8)
            prefix[place_of(index)] = static_cast<std::byte>(rest & 0xff);
        sink.append(std::span{prefix}.first(prefix_size()));
        if (!data.empty()) sink.append(data);
    }
    /// The same for text.
    template <byte_sink Sink>
    void encode(std::string_view text, Sink& sink) const {
        encode(as_bytes(text), sink);
    }

  private:
    std::size_t prefix_size() const noexcept { return settings_.bits / 8; }
    // Where the length has its byte of that rank, 0 being the most significant.
    std::size_t place_of(std::size_t rank) const noexcept {
        return settings_.order == std::endian::big ? rank : prefix_size() - 1 - rank;
    }

    settings settings_;
};

static_assert(codec<length_prefixed_codec>);

} // namespace millipede
