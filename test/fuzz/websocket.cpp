// SPDX-License-Identifier: BSL-1.0
// A WebSocket's frames, from a client. Input: a byte of limits, those of the pieces, then the
// stream as it stands. In pieces it comes to the same as in one; a frame that is taken is the only
// way to write it; no message, whole or not, is longer than the limit; and who faults is at the
// end.
#include "fuzz/target.hpp"

#include "wire/websocket_frame.hpp"

#include <millipede/wire/payload.hpp>

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace {

using comet::close_code;
using comet::websocket_event;
using comet::websocket_frame;
using kind = comet::websocket_event::kind;
using status = millipede::decode_result::status;

struct reading {
    std::vector<std::string> events;
    std::unique_ptr<std::string> pending;
    bool ended = false;
};

std::string text_of(websocket_event const& event) {
    auto text = std::to_string(static_cast<int>(event.what)).append(" ");
    return text.append(std::to_string(static_cast<int>(event.code))).append(" ").append(event.data);
}

// As a server's, then with the client's mask.
void check_form(websocket_frame const& frame, std::string_view whole) {
    std::string again;
    comet::append_websocket_frame(again, frame.what, frame.data);
    auto head = again.size() - frame.data.size();
    again[1] = static_cast<char>(again[1] | 0x80);
    if (!frame.is_final) again[0] = static_cast<char>(again[0] & 0x7f);
    auto mask = whole.substr(head, 4);
    for (std::size_t at = head; at < again.size(); ++at)
        again[at] = static_cast<char>(again[at] ^ mask[(at - head) % 4]);
    again.insert(head, mask);
    fuzz::require(again == whole, "there is one way to write a frame");
}

void check(websocket_event const& event, std::size_t data_max) {
    fuzz::require(event.data.size() <= data_max, "no message is longer than the limit");
    auto code = static_cast<int>(event.code);
    if (event.what == kind::fault)
        fuzz::require(code >= 1002 && code <= 1009, "a fault has its code");
    if (event.what == kind::closed)
        fuzz::require(code == 0 || (code >= 1000 && code < 5000), "a close has its code");
    if (event.what == kind::ping)
        fuzz::require(event.data.size() <= 125, "control frames are short");
}

// Reads on in `held` and drops what was used up.
void read_on(std::string& held, std::size_t data_max, reading& result) {
    while (!result.ended) {
        websocket_frame frame;
        auto fault = close_code::none;
        auto found = comet::read_websocket_frame(millipede::as_bytes(std::string_view{held}),
                                                 data_max, frame, fault);
        if (found.found == status::incomplete) {
            fuzz::require(found.size > held.size(), "more is needed than is");
            fuzz::require(found.size <= data_max + comet::websocket_head_max, "it has a limit");
            return;
        }
        fuzz::require(found.found == status::complete, "faults are told, to be answered");
        fuzz::require(found.size > 0 && found.size <= held.size(), "what is used up was there");
        websocket_event event{.what = kind::fault, .code = fault};
        if (fault == close_code::none) {
            check_form(frame, std::string_view{held}.substr(0, found.size));
            event = comet::take_websocket_frame(std::move(frame), result.pending, data_max);
        }
        check(event, data_max);
        fuzz::require(!result.pending || result.pending->size() <= data_max, "pieces are bounded");
        result.ended = event.what == kind::fault || event.what == kind::closed;
        result.events.push_back(text_of(event));
        held.erase(0, found.size);
    }
}

reading read(std::string_view stream, std::size_t data_max, std::size_t piece_max,
             std::uint32_t dice) {
    reading result;
    std::string held;
    for (std::size_t at = 0; at < stream.size() && !result.ended;) {
        dice = dice * 1'664'525 + 1'013'904'223;
        auto piece = std::min(stream.size() - at, 1 + (dice >> 16) % piece_max);
        held.append(stream.substr(at, piece));
        at += piece;
        read_on(held, data_max, result);
    }
    return result;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    if (size < 4) return 0;
    static constexpr std::array<std::size_t, 3> limits{125, 300, 65'536};
    auto data_max = limits[data[0] % limits.size()];
    auto stream = fuzz::text_of({data + 4, size - 4});
    auto dice = static_cast<std::uint32_t>(data[2] << 8 | data[3]);
    auto whole = read(stream, data_max, stream.size() + 1, 0xffff'ffff);
    auto pieces = read(stream, data_max, std::size_t{1} << (data[1] % 12), dice);
    fuzz::require(pieces.events == whole.events, "a stream in pieces says what the whole says");
    return 0;
}
