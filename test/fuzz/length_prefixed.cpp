// SPDX-License-Identifier: BSL-1.0
// The length-prefixed codec. Input: a byte of settings, those of the pieces, then the stream.
#include "fuzz/pieces.hpp"

#include <millipede/wire/length_prefixed.hpp>

#include <array>
#include <string>

namespace {

using millipede::length_prefixed_codec;

test::conversation model(std::string_view stream, length_prefixed_codec::settings const& settings) {
    test::conversation result;
    std::size_t const prefix = settings.bits / 8;
    while (stream.size() >= prefix) {
        std::string digits{stream.substr(0, prefix)};
        if (settings.order == std::endian::little) digits.assign(digits.rbegin(), digits.rend());
        std::uint64_t length = 0;
        for (char digit : digits)
            length = length * 256 + static_cast<unsigned char>(digit);
        if (length > settings.data_max) {
            result.refusal = millipede::errc::bad_size;
            break;
        }
        if (stream.size() - prefix < length) break;
        result.messages.emplace_back(stream.substr(prefix, length));
        stream.remove_prefix(prefix + length);
    }
    return result;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    constexpr auto choices = 1 + fuzz::piece_choices;
    if (size < choices) return 0;
    static constexpr std::array<unsigned, 4> widths{8, 16, 32, 64};
    static constexpr std::array<std::uint32_t, 4> limits{0, 3, 40, 255};
    length_prefixed_codec::settings settings;
    settings.bits = widths[data[0] & 3];
    settings.order = (data[0] & 4) != 0 ? std::endian::little : std::endian::big;
    settings.data_max = limits[data[0] >> 6];
    auto stream = fuzz::text_of({data + choices, size - choices});
    length_prefixed_codec codec{settings};
    auto read = fuzz::read_in_pieces(codec, {data + 1, fuzz::piece_choices}, stream);
    fuzz::require(read == model(stream, settings), "a stream in pieces says what the whole says");
    fuzz::require_round_trip(codec, read);
    return 0;
}
