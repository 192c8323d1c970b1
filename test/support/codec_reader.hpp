// SPDX-License-Identifier: BSL-1.0
// A codec behind the reassembly, as a connection has it, but without one: for streams in pieces.
#pragma once

#include <millipede/memory/buffers.hpp>
#include <millipede/memory/reassembly.hpp>
#include <millipede/wire/codec.hpp>
#include <millipede/wire/payload.hpp>

#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace test {

/// What a stream says: whole messages, and the reason of its refusal, if it is refused.
struct conversation {
    std::vector<std::string> messages{};
    std::optional<millipede::errc> refusal{};
    friend bool operator==(conversation const&, conversation const&) = default;
};

/// Reads a stream of messages that are bytes. Whatever a codec must not do throws
/// std::logic_error.
template <millipede::codec Codec>
class codec_reader {
    using input_result = millipede::detail::input_result;

  public:
    /// \param pause_every handles no more after so many messages until it is asked again; 0: never.
    explicit codec_reader(Codec codec, std::size_t pause_every = 0)
        : codec_{std::move(codec)}, pause_every_{pause_every} {}
    ~codec_reader() { rest_.release(pool_); }
    codec_reader(codec_reader const&) = delete;
    codec_reader& operator=(codec_reader const&) = delete;

    void feed(std::string_view piece) {
        if (result.refusal) return;
        auto consume = [this](std::span<std::byte const> some) { return handle(some); };
        require(millipede::detail::reassemble(rest_, millipede::as_bytes(piece), pool_, consume),
                "the budget is large enough");
        while (std::exchange(paused_, false))
            millipede::detail::resume(rest_, pool_, consume);
        require(result.refusal || rest_.size() < codec_.size_max(),
                "no more is kept than a message has");
    }

    /// Bytes of a message that is not whole yet.
    std::size_t kept() const { return rest_.size(); }

    conversation result;

  private:
    static void require(bool met, char const* what) {
        if (!met) throw std::logic_error{what};
    }

    input_result handle(std::span<std::byte const> input) {
        using status = millipede::decode_result::status;
        std::size_t consumed = 0;
        auto answer = [&](std::size_t needed, input_result::next then) {
            return input_result{static_cast<std::uint32_t>(consumed),
                                static_cast<std::uint32_t>(needed), then};
        };
        for (;;) {
            typename Codec::message_type message{};
            auto rest = input.subspan(consumed);
            auto found = codec_.decode(rest, message);
            if (found.found == status::incomplete) {
                require(found.size == 0 || found.size > rest.size(), "more is needed than is here");
                require(found.size <= codec_.size_max(), "no more is needed than a message has");
                return answer(found.size, input_result::next::go_on);
            }
            if (found.found == status::refused) {
                result.refusal = found.why;
                return answer(0, input_result::next::end);
            }
            require(found.size > 0 && found.size <= rest.size(), "what is used up was there");
            consumed += found.size;
            if (found.found == status::skipped) continue;
            result.messages.emplace_back(reinterpret_cast<char const*>(message.data()),
                                         message.size());
            if (pause_every_ == 0 || result.messages.size() % pause_every_ != 0) continue;
            paused_ = true;
            return answer(0, input_result::next::pause);
        }
    }

    Codec codec_;
    std::size_t pause_every_;
    bool paused_ = false;
    millipede::detail::buffer_budget budget_{16 * 1024 * 1024};
    millipede::detail::buffer_pool pool_{budget_};
    millipede::detail::spill rest_;
};

/// What the whole stream says, in one piece.
template <class Codec>
conversation read_whole(Codec const& codec, std::string_view stream) {
    codec_reader<Codec> reader{codec};
    reader.feed(stream);
    return reader.result;
}

/// What it says in two pieces, cut before byte `at`.
template <class Codec>
conversation read_cut(Codec const& codec, std::string_view stream, std::size_t at) {
    codec_reader<Codec> reader{codec};
    reader.feed(stream.substr(0, at));
    reader.feed(stream.substr(at));
    return reader.result;
}

/// What it says when it comes byte by byte.
template <class Codec>
conversation read_bytes(Codec const& codec, std::string_view stream) {
    codec_reader<Codec> reader{codec};
    for (std::size_t at = 0; at < stream.size(); ++at)
        reader.feed(stream.substr(at, 1));
    return reader.result;
}

/// Whether it says that however it is cut in two, and byte by byte.
template <class Codec>
bool reads_the_same_cut_anywhere(Codec const& codec, std::string_view stream,
                                 conversation const& expected) {
    for (std::size_t at = 0; at <= stream.size(); ++at)
        if (read_cut(codec, stream, at) != expected) return false;
    return read_bytes(codec, stream) == expected;
}

/// A message in its bytes.
template <class Codec, class Message>
std::string encoded(Codec const& codec, Message const& message) {
    struct {
        std::string bytes;
        void append(std::span<std::byte const> more) {
            bytes.append(reinterpret_cast<char const*>(more.data()), more.size());
        }
    } sink;
    codec.encode(message, sink);
    return sink.bytes;
}

} // namespace test
