// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/wire/codec.hpp>
#include <millipede/wire/payload.hpp>

#include <boost/endian/arithmetic.hpp>

#include <concepts>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>

namespace millipede {

/// The 8 bytes that begin every frame, in MarioTCP's layout (docs/protocol.md): little-endian,
/// packed. All members have alignment 1, so this struct may stand at any address.
struct frame_head {
    boost::endian::little_uint32_t magic;   ///< The same for all frames of a service.
    boost::endian::little_uint16_t size;    ///< Of the whole frame, these 8 bytes included.
    boost::endian::little_uint16_t command; ///< What it is about: picks the handler.
};
static_assert(sizeof(frame_head) == 8 && alignof(frame_head) == 1);

/// Commands from here on are events inside MarioTCP and can never be sent.
inline constexpr std::uint16_t reserved_commands_begin = 0xfffc;

/// "Are you there?": what a silent connection is asked by default (`options::heartbeat_interval`).
/// Its peer does well to send the frame back.
inline constexpr std::uint16_t heartbeat_command = 0x6103;

/// One frame where it was received: valid until the handler returns.
struct frame {
    std::span<std::byte const> whole{}; ///< Head and data, as on the wire.
    std::uint16_t command = 0;          ///< As in the head.

    /// What follows the head.
    std::span<std::byte const> data() const noexcept {
        return whole.empty() ? whole : whole.subspan(sizeof(frame_head));
    }
};

/// The members of a type that can be sent as one frame and received from one.
/// - `static constexpr std::uint16_t command`;
/// - either it is a wire struct: trivially copyable with alignment 1 (`boost::endian::little_*`,
///   bytes, arrays of them) or empty, and its bytes are the frame's data;
/// - or it has `static std::optional<T> decode(std::span<std::byte const>)`, `data_size()` and
///   `encode(sink)`, for data of variable length.
template <class T>
concept message = requires {
    { T::command } -> std::convertible_to<std::uint16_t>;
};

namespace detail {

template <class T>
concept self_coding = requires(T const& value, counting_sink& sink, std::span<std::byte const> in) {
    { T::decode(in) } -> std::same_as<std::optional<T>>;
    { value.data_size() } -> std::convertible_to<std::size_t>;
    value.encode(sink);
};

template <class T>
concept wire_struct = std::is_trivially_copyable_v<T> && alignof(T) == 1;

template <class T>
constexpr std::size_t wire_size = std::is_empty_v<T> ? 0 : sizeof(T);

} // namespace detail

/// Reads a frame's data as `Message`; nothing when the length (or a rule of its own) is wrong.
template <message Message>
std::optional<Message> decode_data(std::span<std::byte const> data) {
    if constexpr (detail::self_coding<Message>) {
        return Message::decode(data);
    } else {
        static_assert(detail::wire_struct<Message>,
                      "a message is a wire struct (alignment 1) or has decode, data_size, encode");
        if (data.size() != detail::wire_size<Message>) return std::nullopt;
        std::optional<Message> result{std::in_place};
        if constexpr (detail::wire_size<Message> != 0)
            std::memcpy(&*result, data.data(), sizeof(Message));
        return result;
    }
}

/// HEAD + data: MarioTCP's framing.
class frame_codec {
  public:
    using message_type = frame; ///< What handlers of whole frames get.

    /// What a service agrees on with its clients.
    struct settings {
        /// The word that every frame begins with. Default: that of MarioTCP's sample server.
        std::uint32_t magic = 0x8eb69af7;
        /// The longest frame, head included: 8 to 65,535 bytes. MarioTCP's own limit is 1,500.
        std::uint32_t size_max = 65'535;
        /// Skip CR LF between frames: MarioTCP's own test client sends it after its login.
        bool skip_crlf = false;
    };

    /// \throws std::invalid_argument for limits outside of the above, and for skip_crlf with a
    /// magic that itself begins with CR.
    explicit frame_codec(settings wanted) : settings_{wanted} {
        if (wanted.size_max < sizeof(frame_head) || wanted.size_max > 65'535)
            throw std::invalid_argument{"frame size limit: " + std::to_string(wanted.size_max) +
                                        " is not in 8 to 65535"};
        if (wanted.skip_crlf && (wanted.magic & 0xff) == '\r')
            throw std::invalid_argument{"a magic that begins with CR does not go with skip_crlf"};
    }
    frame_codec() : frame_codec{settings{}} {}

    /// As in the settings.
    std::uint32_t magic() const noexcept { return settings_.magic; }
    /// As in the settings.
    std::size_t size_max() const noexcept { return settings_.size_max; }

    /// Refuses another magic, a size out of bounds and reserved commands by the head alone.
    decode_result decode(std::span<std::byte const> input, frame& result) const noexcept {
        if (settings_.skip_crlf && !input.empty() && input[0] == std::byte{'\r'})
            return decode_crlf(input);
        if (input.size() < sizeof(frame_head)) return decode_result::incomplete(sizeof(frame_head));
        frame_head head;
        std::memcpy(&head, input.data(), sizeof head);
        if (head.magic != settings_.magic) return decode_result::refused(errc::bad_magic);
        if (head.size < sizeof head || head.size > settings_.size_max)
            return decode_result::refused(errc::bad_size);
        if (head.command >= reserved_commands_begin)
            return decode_result::refused(errc::unknown_command);
        if (input.size() < head.size) return decode_result::incomplete(head.size);
        result = {input.first(head.size), head.command};
        return decode_result::complete(head.size);
    }

    /// A received frame goes out as it came.
    template <byte_sink Sink>
    void encode(frame const& value, Sink& sink) const {
        sink.append(value.whole);
    }

    /// \throws std::length_error when head and data exceed `size_max()`; std::invalid_argument for
    ///         a reserved command. So do all that follow.
    template <message Message, byte_sink Sink>
    void encode(Message const& value, Sink& sink) const {
        if constexpr (detail::self_coding<Message>) {
            append_head(Message::command, value.data_size(), sink);
            value.encode(sink);
        } else {
            static_assert(detail::wire_struct<Message>);
            append_head(Message::command, detail::wire_size<Message>, sink);
            if constexpr (detail::wire_size<Message> != 0)
                sink.append(std::as_bytes(std::span{&value, 1}));
        }
    }

    /// The frame of `command` and `data`.
    template <byte_sink Sink>
    void encode(std::uint16_t command, std::span<std::byte const> data, Sink& sink) const {
        append_head(command, data.size(), sink);
        sink.append(data);
    }

    /// The frame of `command` and `data`, encoded once, for any number of connections.
    payload encode(std::uint16_t command, std::span<std::byte const> data) const {
        auto head = head_of(command, data.size());
        return payload{std::as_bytes(std::span{&head, 1}), data};
    }

  private:
    static decode_result decode_crlf(std::span<std::byte const> input) noexcept {
        if (input.size() < 2) return decode_result::incomplete(2);
        if (input[1] == std::byte{'\n'}) return decode_result::skipped(2);
        return decode_result::refused(errc::bad_magic);
    }

    frame_head head_of(std::uint16_t command, std::size_t data_size) const {
        if (command >= reserved_commands_begin)
            throw std::invalid_argument{"command " + std::to_string(command) + " is reserved"};
        auto size = sizeof(frame_head) + data_size;
        if (size > settings_.size_max)
            throw std::length_error{"a frame of " + std::to_string(size) +
                                    " bytes exceeds the limit of " +
                                    std::to_string(settings_.size_max)};
        frame_head head;
        head.magic = settings_.magic;
        head.size = static_cast<std::uint16_t>(size);
        head.command = command;
        return head;
    }

    template <byte_sink Sink>
    void append_head(std::uint16_t command, std::size_t data_size, Sink& sink) const {
        auto head = head_of(command, data_size);
        sink.append(std::as_bytes(std::span{&head, 1}));
    }

    settings settings_;
};

static_assert(codec<frame_codec>);

} // namespace millipede
