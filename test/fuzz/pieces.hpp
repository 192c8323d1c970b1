// SPDX-License-Identifier: BSL-1.0
// A stream given to a codec in pieces of any size, with pauses anywhere: it must say what the whole
// stream says to a reader written from the codec's description.
#pragma once

#include "fuzz/target.hpp"
#include "support/codec_reader.hpp"

#include <algorithm>
#include <cstdint>
#include <exception>
#include <span>
#include <string_view>

namespace fuzz {

/// The bytes of choice that `read_in_pieces` takes.
inline constexpr std::size_t piece_choices = 3;

/// \param choices how often to pause, and two bytes that the sizes of the pieces come from.
template <class Codec>
test::conversation read_in_pieces(Codec const& codec, std::span<std::uint8_t const> choices,
                                  std::string_view stream) {
    test::codec_reader<Codec> reader{codec, choices[0] % std::size_t{4}};
    auto dice = static_cast<std::uint32_t>(choices[1] << 8 | choices[2]);
    std::size_t const piece_max = std::size_t{1} << (choices[1] % 12);
    try {
        for (std::size_t at = 0; at < stream.size();) {
            dice = dice * 1'664'525 + 1'013'904'223;
            auto piece = std::min(stream.size() - at, 1 + (dice >> 16) % piece_max);
            reader.feed(stream.substr(at, piece));
            at += piece;
        }
    } catch (std::exception const& contradiction) {
        require(false, contradiction.what());
    }
    return reader.result;
}

/// Whether each message, encoded, is read as itself, and nothing else.
template <class Codec>
void require_round_trip(Codec const& codec, test::conversation const& read) {
    for (auto const& message : read.messages) {
        auto again = test::read_whole(codec, test::encoded(codec, std::string_view{message}));
        require(again == test::conversation{{message}, {}}, "what is sent is read the same");
    }
}

} // namespace fuzz
