// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/base/error.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>

namespace millipede {

/// What `decode` found at the front of its input.
struct decode_result {
    /// What was found.
    enum class status : std::uint8_t {
        complete,   ///< A message, in `size` bytes.
        skipped,    ///< `size` bytes that mean nothing; what follows may be a message.
        incomplete, ///< More bytes are needed.
        refused,    ///< Not of this protocol: the connection ends with `why`.
    };

    status found = status::incomplete; ///< What was found.
    errc why = errc::bad_message;      ///< Only with `refused`.
    /// complete, skipped: the bytes used up. incomplete: the bytes that the input must have in all
    /// before it is worth asking again; 0 when that is not known.
    std::size_t size = 0;

    /// A message, in the first \p size bytes.
    static constexpr decode_result complete(std::size_t size) noexcept {
        return {status::complete, {}, size};
    }
    /// The first \p size bytes mean nothing.
    static constexpr decode_result skipped(std::size_t size) noexcept {
        return {status::skipped, {}, size};
    }
    /// More is needed: \p needed bytes in all, if that is known.
    static constexpr decode_result incomplete(std::size_t needed = 0) noexcept {
        return {status::incomplete, {}, needed};
    }
    /// Not of this protocol.
    static constexpr decode_result refused(errc why) noexcept { return {status::refused, why, 0}; }
};

/// Where `encode` puts its bytes; may be called several times for one message.
template <class Sink>
concept byte_sink = requires(Sink& sink, std::span<std::byte const> bytes) {
    sink.append(bytes);
};

/// The archetype of a sink, for the concept below and for measuring: counts what it is given.
struct counting_sink {
    std::size_t size = 0; ///< The sum so far.
    /// Counts them.
    void append(std::span<std::byte const> bytes) noexcept { size += bytes.size(); }
};

/// How bytes become messages and messages bytes: two functions and a type. A codec holds settings
/// and no state: one object serves all connections of all workers at once.
///
/// - `decode(input, message)` looks at the front of `input`. A message may point into the input:
///   it is used before the input goes away. It must answer `refused` for anything longer than
///   `size_max()`, so that nobody can make the server buffer without end.
/// - `encode(message, sink)` appends the message to the sink.
template <class T>
concept codec = std::copy_constructible<T> &&
    requires(T const& self, std::span<std::byte const> input, typename T::message_type& message,
             counting_sink& sink) {
    { self.decode(input, message) } -> std::same_as<decode_result>;
    { self.size_max() } -> std::convertible_to<std::size_t>;
    self.encode(message, sink);
};

/// A codec whose next message depends on what went before on the same connection: it is asked with
/// the connection's session, `decode(input, message, session)`, in place of the other form, and may
/// note there what it has to know next time. Such a codec may also hand over something that is no
/// bytes, `complete(0)`; then its handler, or the codec itself, must have changed the session or
/// paused the connection, as it is asked again with the same input.
template <class Codec, class Session>
concept session_codec = codec<Codec> &&
    requires(Codec const& self, std::span<std::byte const> input,
             typename Codec::message_type& message, Session& session) {
    { self.decode(input, message, session) } -> std::same_as<decode_result>;
};

/// What `Codec` can encode, its own messages or others.
template <class Message, class Codec>
concept encodable = requires(Codec const& self, Message const& message, counting_sink& sink) {
    self.encode(message, sink);
};

} // namespace millipede
