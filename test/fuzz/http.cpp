// SPDX-License-Identifier: BSL-1.0
// The HTTP codec of the comet server. Input: a byte of limits, those of the pieces, then the stream
// as it stands. In pieces it says what the whole says; nothing it hands over points elsewhere than
// into its input; and what it takes, no stricter reader of HTTP's grammar would take for two.
#include "fuzz/target.hpp"

#include "wire/http_codec.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace {

using comet::http_codec;
using comet::http_exchange;
using comet::http_request;
using kind = comet::http_request::kind;
using status = millipede::decode_result::status;

struct reading {
    std::vector<std::string> requests;
    bool refused = false;
    friend bool operator==(reading const&, reading const&) = default;
};

// A path of "/" may be what an absolute form without one means.
bool lies_in(std::string_view part, std::string_view whole) {
    return part.empty() || part == "/" ||
           (part.data() >= whole.data() &&
            part.data() + part.size() <= whole.data() + whole.size());
}

std::string text_of(http_request const& request) {
    std::string text{"0123456789"[static_cast<std::size_t>(request.method)]};
    text += request.terms.chunked ? 'c' : '-';
    text += request.terms.keep_alive ? 'k' : '-';
    text += request.terms.bodiless ? 'b' : '-';
    for (auto part : {request.path, request.query, request.body()})
        text.append("|").append(part);
    return text;
}

void check(http_request const& request, std::string_view input, http_codec const& codec) {
    for (auto part : {request.path, request.query, request.plain_body, request.raw})
        fuzz::require(lies_in(part, input), "what is handed over lies in the input");
    fuzz::require(request.raw.size() <= codec.size_max(), "no request is longer than the limit");
    auto head = request.raw.substr(0, request.raw.find("\r\n\r\n"));
    fuzz::require(head.find("\r\n ") == std::string_view::npos, "no field is folded");
    fuzz::require(request.path.find_first_of(" \r\n") == std::string_view::npos,
                  "a path is one word");
}

// Reads on in `held` and drops what was used up.
void read_on(std::string& held, http_codec const& codec, http_exchange& exchange, reading& result) {
    while (!result.refused) {
        http_request request;
        std::string_view text{held};
        auto found = codec.decode(millipede::as_bytes(text), request, exchange);
        if (found.found == status::incomplete) {
            fuzz::require(found.size == 0 || found.size > held.size(), "more is needed than is");
            fuzz::require(found.size <= codec.size_max(), "no more than a request may have");
            fuzz::require(held.size() < codec.size_max(), "what is kept has a limit");
            return;
        }
        fuzz::require(found.found != status::refused, "refusals are messages, to be answered");
        fuzz::require(found.size <= held.size(), "what is used up was there");
        if (found.found == status::complete && request.what == kind::whole) {
            check(request, text, codec);
            result.requests.push_back(text_of(request));
        }
        if (request.what == kind::refused) {
            fuzz::require(request.status >= 400 && request.status <= 505, "it has a status");
            result.requests.push_back(std::to_string(request.status));
            result.refused = true;
        }
        fuzz::require(found.size > 0 || request.what == kind::wants_continue, "it gets on");
        held.erase(0, found.size);
    }
}

reading read(std::string_view stream, http_codec const& codec, std::size_t piece_max,
             std::uint32_t dice) {
    reading result;
    std::string held;
    http_exchange exchange;
    for (std::size_t at = 0; at < stream.size() && !result.refused;) {
        dice = dice * 1'664'525 + 1'013'904'223;
        auto piece = std::min(stream.size() - at, 1 + (dice >> 16) % piece_max);
        held.append(stream.substr(at, piece));
        at += piece;
        read_on(held, codec, exchange, result);
    }
    return result;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    if (size < 4) return 0;
    static constexpr std::array<http_codec::limits, 4> all{
        http_codec::limits{}, {64, 16, 2}, {256, 64, 4}, {256, 0, 1}};
    http_codec codec{all[data[0] % all.size()]};
    auto stream = fuzz::text_of({data + 4, size - 4});
    auto dice = static_cast<std::uint32_t>(data[2] << 8 | data[3]);
    auto whole = read(stream, codec, stream.size() + 1, 0xffff'ffff);
    auto pieces = read(stream, codec, std::size_t{1} << (data[1] % 12), dice);
    fuzz::require(pieces == whole, "a stream in pieces says what the whole says");
    return 0;
}
