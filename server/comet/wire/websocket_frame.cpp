// SPDX-License-Identifier: BSL-1.0
#include "wire/websocket_frame.hpp"

#include "wire/utf8.hpp"

#include <boost/endian/conversion.hpp>

#include <utility>

namespace comet {
namespace {

using millipede::decode_result;

// The first byte: whether final, three bits that extensions use, the opcode. The second: whether
// masked, the length, or how many bytes of length follow.
constexpr unsigned final_bit = 0x80;
constexpr unsigned reserved_bits = 0x70;
constexpr unsigned opcode_bits = 0x0f;
constexpr unsigned mask_bit = 0x80;
constexpr unsigned length_bits = 0x7f;
constexpr unsigned two_bytes_follow = 126;
constexpr unsigned eight_bytes_follow = 127;

constexpr std::size_t control_data_max = 125;
constexpr std::size_t mask_size = 4;

constexpr bool is_control(websocket_opcode what) noexcept {
    return what >= websocket_opcode::close;
}

constexpr bool is_known(unsigned opcode) noexcept {
    return opcode <= 2 || (opcode >= 8 && opcode <= 10);
}

unsigned byte_at(std::span<std::byte const> input, std::size_t at) noexcept {
    return std::to_integer<unsigned>(input[at]);
}

template <class Number>
std::uint64_t number_at(std::span<std::byte const> input, std::size_t at) noexcept {
    auto const* bytes = reinterpret_cast<unsigned char const*>(input.data() + at);
    return boost::endian::endian_load<Number, sizeof(Number), boost::endian::order::big>(bytes);
}

// What can be said from the first two bytes; `none` for nothing wrong.
close_code fault_of(unsigned first, unsigned second) noexcept {
    auto opcode = first & opcode_bits;
    if ((first & reserved_bits) != 0 || !is_known(opcode) || (second & mask_bit) == 0)
        return close_code::protocol_error;
    bool control = is_control(static_cast<websocket_opcode>(opcode));
    if (control && ((first & final_bit) == 0 || (second & length_bits) > control_data_max))
        return close_code::protocol_error;
    return close_code::none;
}

std::string unmasked(std::span<std::byte const> mask, std::span<std::byte const> data) {
    std::string text(data.size(), '\0');
    for (std::size_t at = 0; at < data.size(); ++at)
        text[at] = static_cast<char>(data[at] ^ mask[at % mask_size]);
    return text;
}

// Codes that have a meaning and may be sent; from 3000 on they are the applications' own.
bool may_be_sent(std::uint64_t code) noexcept {
    return (code >= 1000 && code <= 1014 && !(code >= 1004 && code <= 1006)) ||
           (code >= 3000 && code <= 4999);
}

websocket_event fault(close_code code) {
    return {.what = websocket_event::kind::fault, .code = code};
}

websocket_event closed(std::string const& data) {
    if (data.empty()) return {.what = websocket_event::kind::closed};
    auto bytes = std::as_bytes(std::span{data});
    if (data.size() < 2) return fault(close_code::protocol_error);
    auto code = number_at<std::uint16_t>(bytes, 0);
    if (!may_be_sent(code)) return fault(close_code::protocol_error);
    if (!is_utf8(std::string_view{data}.substr(2))) return fault(close_code::bad_data);
    return {.what = websocket_event::kind::closed, .code = static_cast<close_code>(code)};
}

} // namespace

decode_result read_websocket_frame(std::span<std::byte const> input, std::size_t data_max,
                                   websocket_frame& frame, close_code& fault) {
    std::size_t head = 2;
    fault = close_code::none;
    if (input.size() < head) return decode_result::incomplete(head);
    auto refuse = [&](close_code why) {
        fault = why;
        return decode_result::complete(input.size());
    };
    auto first = byte_at(input, 0);
    auto second = byte_at(input, 1);
    if (auto why = fault_of(first, second); why != close_code::none) return refuse(why);

    std::uint64_t length = second & length_bits;
    if (length == two_bytes_follow) {
        head += sizeof(std::uint16_t);
        if (input.size() < head) return decode_result::incomplete(head);
        length = number_at<std::uint16_t>(input, 2);
        if (length < two_bytes_follow) return refuse(close_code::protocol_error);
    } else if (length == eight_bytes_follow) {
        head += sizeof(std::uint64_t);
        if (input.size() < head) return decode_result::incomplete(head);
        length = number_at<std::uint64_t>(input, 2);
        if (length <= UINT16_MAX || length >> 63 != 0) return refuse(close_code::protocol_error);
    }
    if (length > data_max) return refuse(close_code::too_large);
    auto size = head + mask_size + static_cast<std::size_t>(length);
    if (input.size() < size) return decode_result::incomplete(size);

    frame.what = static_cast<websocket_opcode>(first & opcode_bits);
    frame.is_final = (first & final_bit) != 0;
    auto data = input.subspan(head + mask_size, static_cast<std::size_t>(length));
    frame.data = unmasked(input.subspan(head, mask_size), data);
    return decode_result::complete(size);
}

void append_websocket_frame(std::string& to, websocket_opcode what, std::string_view data) {
    auto put = [&](std::uint64_t number, unsigned size) {
        for (unsigned shift = size * 8; shift != 0; shift -= 8)
            to += static_cast<char>(number >> (shift - 8) & 0xff);
    };
    put(final_bit | static_cast<unsigned>(what), 1);
    if (data.size() < two_bytes_follow) {
        put(data.size(), 1);
    } else if (data.size() <= UINT16_MAX) {
        put(two_bytes_follow, 1);
        put(data.size(), sizeof(std::uint16_t));
    } else {
        put(eight_bytes_follow, 1);
        put(data.size(), sizeof(std::uint64_t));
    }
    to.append(data);
}

std::string websocket_close_frame(close_code why, std::string_view reason) {
    std::string data;
    if (why != close_code::none) {
        auto code = static_cast<unsigned>(why);
        data += static_cast<char>(code >> 8);
        data += static_cast<char>(code & 0xff);
        data.append(reason.substr(0, control_data_max - data.size()));
    }
    std::string frame;
    append_websocket_frame(frame, websocket_opcode::close, data);
    return frame;
}

websocket_event take_websocket_frame(websocket_frame frame, std::unique_ptr<std::string>& pending,
                                     std::size_t message_max) {
    using kind = websocket_event::kind;
    switch (frame.what) {
    case websocket_opcode::ping:
        return {.what = kind::ping, .data = std::move(frame.data)};
    case websocket_opcode::pong:
        return {};
    case websocket_opcode::close:
        return closed(frame.data);
    case websocket_opcode::binary:
        return fault(pending ? close_code::protocol_error : close_code::unacceptable);
    case websocket_opcode::text:
        if (pending) return fault(close_code::protocol_error);
        if (frame.is_final) return {.what = kind::text, .data = std::move(frame.data)};
        pending = std::make_unique<std::string>(std::move(frame.data));
        return {};
    case websocket_opcode::continuation:
        break;
    }
    if (!pending) return fault(close_code::protocol_error);
    // The limit may be another one by now, and less than what has come.
    if (frame.data.size() > message_max || pending->size() > message_max - frame.data.size())
        return fault(close_code::too_large);
    pending->append(frame.data);
    if (!frame.is_final) return {};
    auto whole = std::exchange(pending, nullptr);
    return {.what = kind::text, .data = std::move(*whole)};
}

} // namespace comet
