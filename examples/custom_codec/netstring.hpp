// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/wire/codec.hpp>
#include <millipede/wire/payload.hpp>

#include <charconv>
#include <stdexcept>
#include <string>
#include <string_view>

/// Netstrings: a length in decimal, a colon, so many bytes, a comma. "hello" is `5:hello,`.
struct netstring_codec {
    using message_type = std::string_view; // points into what was received
    static constexpr std::size_t text_max = 999;

    static constexpr std::size_t size_max() { return text_max + sizeof "999:"; }

    millipede::decode_result decode(std::span<std::byte const> input, message_type& text) const {
        using result = millipede::decode_result;
        std::string_view all{reinterpret_cast<char const*>(input.data()), input.size()};
        auto colon = all.substr(0, sizeof "999").find(':');
        if (colon == all.npos)
            return all.size() < sizeof "999" ? result::incomplete()
                                             : result::refused(millipede::errc::bad_size);
        std::size_t length = 0;
        auto [end, failure] = std::from_chars(all.data(), all.data() + colon, length);
        if (failure != std::errc{} || end != all.data() + colon)
            return result::refused(millipede::errc::bad_message);
        auto whole = colon + 1 + length + 1;
        if (all.size() < whole) return result::incomplete(whole);
        if (all[whole - 1] != ',') return result::refused(millipede::errc::bad_message);
        text = all.substr(colon + 1, length);
        return result::complete(whole);
    }

    void encode(std::string_view text, millipede::byte_sink auto& sink) const {
        if (text.size() > text_max) throw std::length_error{"a netstring that is too long"};
        sink.append(millipede::as_bytes(std::to_string(text.size()) + ':'));
        sink.append(millipede::as_bytes(text));
        sink.append(millipede::as_bytes(","));
    }
};
