// SPDX-License-Identifier: BSL-1.0
// The frame codec behind the reassembly: a stream in pieces of any size, with pauses anywhere,
// gives the messages and the end that the whole stream gives to a reader written from
// docs/protocol.md.
//
// Input: 4 bytes of choices (settings, pauses, and two that the sizes of the pieces come from),
// then the stream as it stands.
#include "fuzz/target.hpp"

#include <millipede/memory/buffers.hpp>
#include <millipede/memory/reassembly.hpp>
#include <millipede/wire/frame.hpp>

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <vector>

namespace {

using millipede::decode_result;
using millipede::errc;
using millipede::frame_codec;
using millipede::detail::input_result;

constexpr std::size_t choices = 4;

// What a stream holds: whole messages, and the reason of its refusal, if it is refused.
struct conversation {
    std::vector<std::string> messages;
    std::optional<errc> refusal;
    friend bool operator==(conversation const&, conversation const&) = default;
};

std::size_t number_at(std::string_view text, std::size_t at, std::size_t size) {
    std::size_t number = 0;
    for (auto index = at + size; index-- > at;)
        number = number << 8 | static_cast<unsigned char>(text[index]);
    return number;
}

// docs/protocol.md in code, as plain as it can be.
conversation read_whole(std::string_view stream, frame_codec::settings const& settings) {
    conversation result;
    auto refuse = [&](errc why) {
        result.refusal = why;
        return result;
    };
    while (!stream.empty()) {
        if (settings.skip_crlf && stream[0] == '\r') {
            if (stream.size() < 2) return result;
            if (stream[1] != '\n') return refuse(errc::bad_magic);
            stream.remove_prefix(2);
            continue;
        }
        if (stream.size() < 8) return result;
        if (number_at(stream, 0, 4) != settings.magic) return refuse(errc::bad_magic);
        auto size = number_at(stream, 4, 2);
        if (size < 8 || size > settings.size_max) return refuse(errc::bad_size);
        if (number_at(stream, 6, 2) >= 0xfffc) return refuse(errc::unknown_command);
        if (stream.size() < size) return result;
        result.messages.emplace_back(stream.substr(0, size));
        stream.remove_prefix(size);
    }
    return result;
}

// The engine's way: what the dispatcher does with a codec, without a connection.
class reader {
  public:
    reader(frame_codec::settings const& settings, std::size_t pause_every)
        : codec_{settings}, pause_every_{pause_every} {}
    ~reader() {
        rest_.release(pool_);
        fuzz::require(budget_.used_bytes() == 0, "all buffers are given back");
    }
    reader(reader const&) = delete;
    reader& operator=(reader const&) = delete;

    void feed(std::string_view piece) {
        if (result.refusal) return;
        auto consume = [this](std::span<std::byte const> some) { return handle(some); };
        fuzz::require(
            millipede::detail::reassemble(rest_, millipede::as_bytes(piece), pool_, consume),
            "the budget is large enough");
        while (paused_) {
            paused_ = false;
            millipede::detail::resume(rest_, pool_, consume);
        }
        if (!result.refusal)
            fuzz::require(rest_.size() < codec_.size_max(), "no more is kept than a message has");
    }

    conversation result;

  private:
    input_result handle(std::span<std::byte const> input) {
        using status = decode_result::status;
        std::uint32_t consumed = 0;
        for (;;) {
            millipede::frame message;
            auto found = codec_.decode(input.subspan(consumed), message);
            auto size = static_cast<std::uint32_t>(found.size);
            if (found.found == status::incomplete)
                return {consumed, size, input_result::next::go_on};
            if (found.found == status::refused) {
                result.refusal = found.why;
                return {consumed, 0, input_result::next::end};
            }
            fuzz::require(size > 0 && size <= input.size() - consumed, "what is used up was there");
            consumed += size;
            if (found.found == status::skipped) continue;
            result.messages.emplace_back(reinterpret_cast<char const*>(message.whole.data()),
                                         message.whole.size());
            if (pause_every_ != 0 && result.messages.size() % pause_every_ == 0) {
                paused_ = true;
                return {consumed, 0, input_result::next::pause};
            }
        }
    }

    frame_codec codec_;
    std::size_t pause_every_;
    bool paused_ = false;
    millipede::detail::buffer_budget budget_{16 * 1024 * 1024};
    millipede::detail::buffer_pool pool_{budget_};
    millipede::detail::spill rest_;
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    if (size < choices) return 0;
    static constexpr std::array<std::uint32_t, 4> size_limits{65'535, 1'500, 64, 8};
    frame_codec::settings settings;
    settings.skip_crlf = (data[0] & 1) != 0;
    settings.size_max = size_limits[data[0] >> 1 & 3];
    auto stream = fuzz::text_of({data + choices, size - choices});

    reader subject{settings, data[1] % std::size_t{4}};
    std::uint32_t dice = static_cast<std::uint32_t>(data[2] << 8 | data[3]);
    std::size_t const piece_max = std::size_t{1} << (data[2] % 12);
    for (std::size_t at = 0; at < stream.size();) {
        dice = dice * 1'664'525 + 1'013'904'223;
        auto piece = std::min(stream.size() - at, 1 + (dice >> 16) % piece_max);
        subject.feed(stream.substr(at, piece));
        at += piece;
    }
    fuzz::require(subject.result == read_whole(stream, settings),
                  "a stream in pieces says what the whole says");
    return 0;
}
