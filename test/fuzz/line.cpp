// SPDX-License-Identifier: BSL-1.0
// The line codec. Input: a byte of settings, those of the pieces, then the stream as it stands.
#include "fuzz/pieces.hpp"

#include <millipede/wire/line.hpp>

#include <array>
#include <string>

namespace {

using millipede::line_codec;
using millipede::line_ending;

// Letter by letter, without a search.
test::conversation model(std::string_view stream, line_codec::settings const& settings) {
    test::conversation result;
    std::string line;
    for (char letter : stream) {
        line += letter;
        bool after_cr = line.size() > 1 && line[line.size() - 2] == '\r';
        bool ends = letter == '\n' && (settings.ending != line_ending::crlf || after_cr);
        if (ends) {
            bool drops_cr = settings.ending != line_ending::lf && after_cr;
            line.resize(line.size() - (drops_cr ? 2 : 1));
            result.messages.push_back(line);
            line.clear();
        } else if (line.size() == settings.size_max) {
            result.refusal = millipede::errc::bad_size;
            break;
        }
    }
    return result;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    constexpr auto choices = 1 + fuzz::piece_choices;
    if (size < choices) return 0;
    static constexpr std::array endings{line_ending::lf, line_ending::crlf, line_ending::either};
    static constexpr std::array<std::uint32_t, 4> size_limits{2, 8, 100, 65'536};
    line_codec::settings settings;
    settings.ending = endings[data[0] % endings.size()];
    settings.size_max = size_limits[data[0] >> 6];
    auto stream = fuzz::text_of({data + choices, size - choices});
    line_codec codec{settings};
    auto read = fuzz::read_in_pieces(codec, {data + 1, fuzz::piece_choices}, stream);
    fuzz::require(read == model(stream, settings), "a stream in pieces says what the whole says");
    // What came with LF alone may be too long for CR LF.
    if (settings.ending != line_ending::either) fuzz::require_round_trip(codec, read);
    return 0;
}
