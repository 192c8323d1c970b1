// SPDX-License-Identifier: BSL-1.0
// The codec without framing. Input: the largest piece, the choices of the pieces, then the stream.
#include "fuzz/pieces.hpp"

#include <millipede/wire/raw.hpp>

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    constexpr auto choices = 1 + fuzz::piece_choices;
    if (size < choices) return 0;
    millipede::raw_codec codec{1U + data[0]};
    auto stream = fuzz::text_of({data + choices, size - choices});
    auto read = fuzz::read_in_pieces(codec, {data + 1, fuzz::piece_choices}, stream);
    std::string joined;
    for (auto const& message : read.messages) {
        fuzz::require(!message.empty(), "no message is empty");
        fuzz::require(message.size() <= 1U + data[0], "no message is larger than the limit");
        joined += message;
    }
    fuzz::require(!read.refusal && joined == stream, "all that comes is given on, in its order");
    fuzz::require_round_trip(codec, read);
    return 0;
}
