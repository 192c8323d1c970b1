// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/wire/codec.hpp>
#include <millipede/wire/payload.hpp>

#include <cstddef>
#include <span>
#include <stdexcept>
#include <utility>

namespace millipede {

/// A message that has come, with the bytes that it points into: it may be kept as long as one
/// likes. Copies share the bytes.
template <codec Codec>
class received {
  public:
    /// The codec's messages.
    using message_type = typename Codec::message_type;

    /// No message.
    received() = default;

    /// \param bytes one whole message. \param speaker its codec, of which a copy is kept.
    received(payload bytes, Codec const& speaker) : bytes_{std::move(bytes)} {
        if (speaker.decode(bytes_.bytes(), message_).found != decode_result::status::complete)
            throw std::logic_error{"the codec decodes a message once and not twice"};
    }

    /// The message.
    message_type const& operator*() const noexcept { return message_; }
    /// Its members.
    message_type const* operator->() const noexcept { return &message_; }

    /// The message as it was on the wire.
    std::span<std::byte const> whole() const noexcept { return bytes_.bytes(); }

  private:
    payload bytes_{};
    message_type message_{};
};

} // namespace millipede
