// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "wire/http_request.hpp"

#include <millipede/wire/codec.hpp>
#include <millipede/wire/payload.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>

namespace comet {

/// HTTP/1.0 and 1.1 requests, parsed by Boost.Beast from where they lie: nothing of a parser is
/// kept between them. A request is handed over when it is whole, its body included. On a connection
/// that has become a WebSocket its frames, which are not put together here.
///
/// Stricter than HTTP asks a server to be, so that no proxy in front can see other requests than
/// this does: lines end with CR LF; a folded field, both lengths, two lengths, a transfer coding
/// that is not just "chunked", and one in HTTP/1.0 are refused.
class http_codec {
  public:
    using message_type = http_request;

    struct limits {
        std::uint32_t head_max = 65'536;    ///< Bytes of a request's line and fields.
        std::uint32_t body_max = 1'048'576; ///< Bytes of its body.
        /// Chunks of a body that comes in chunks. (As a codec keeps nothing, all are looked through
        /// again whenever one is whole; not while it comes bit by bit.)
        std::uint32_t chunks_max = 1'024;
        std::uint32_t websocket_message_max = 65'536; ///< Bytes of a WebSocket's message.
    };

    /// Limits that may be others after a while.
    class changing_limits {
      public:
        virtual ~changing_limits() = default;
        /// Those for the connections of a worker. On its thread.
        virtual limits const& http_limits(std::uint32_t worker) const noexcept = 0;
    };

    explicit http_codec(limits wanted) noexcept : limits_{wanted} {}
    /// On connections it goes by `in_force`, which outlives it, else by what that was at first.
    http_codec(limits at_first, changing_limits const& in_force) noexcept
        : limits_{at_first}, in_force_{&in_force} {}
    http_codec() = default;

    /// The longest input that may be incomplete: head, body, and what chunks add to it; or a frame.
    /// By the limits at first.
    std::size_t size_max() const noexcept;

    /// Looks at the front of the input. What is not HTTP is a message of kind `refused`, so that it
    /// can be answered.
    millipede::decode_result decode(std::span<std::byte const> input, http_request& request) const;

    /// The same on a connection. See `http_exchange`.
    template <std::derived_from<http_exchange> Session>
    millipede::decode_result decode(std::span<std::byte const> input, http_request& request,
                                    Session& session) const {
        if constexpr (requires { session.id.worker(); })
            if (in_force_)
                return decode_next(input, request, session,
                                   in_force_->http_limits(session.id.worker()));
        return decode_next(input, request, session, limits_);
    }

    /// A request's bytes, as they came.
    template <millipede::byte_sink Sink>
    void encode(http_request const& request, Sink& sink) const {
        sink.append(millipede::as_bytes(request.raw));
    }

  private:
    static millipede::decode_result decode_next(std::span<std::byte const> input,
                                                http_request& request, http_exchange& exchange,
                                                limits const& most);
    static millipede::decode_result decode_request(std::span<std::byte const> input,
                                                   http_request& request, bool continued,
                                                   limits const& most);

    limits limits_{};
    changing_limits const* in_force_ = nullptr;
};

static_assert(millipede::session_codec<http_codec, http_exchange>);

} // namespace comet
