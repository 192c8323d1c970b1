// SPDX-License-Identifier: BSL-1.0
// The codec of fixed sizes. Input: the size, the choices of the pieces, then the stream.
#include "fuzz/pieces.hpp"

#include <millipede/wire/fixed.hpp>

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    constexpr auto choices = 1 + fuzz::piece_choices;
    if (size < choices) return 0;
    std::size_t const each = 1U + data[0];
    auto stream = fuzz::text_of({data + choices, size - choices});
    test::conversation expected;
    for (std::size_t at = 0; at + each <= stream.size(); at += each)
        expected.messages.emplace_back(stream.substr(at, each));
    millipede::fixed_codec codec{static_cast<std::uint32_t>(each)};
    auto read = fuzz::read_in_pieces(codec, {data + 1, fuzz::piece_choices}, stream);
    fuzz::require(read == expected, "a stream in pieces says what the whole says");
    fuzz::require_round_trip(codec, read);
    return 0;
}
