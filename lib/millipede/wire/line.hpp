// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/wire/codec.hpp>
#include <millipede/wire/payload.hpp>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <string_view>

namespace millipede {

/// What ends a line.
enum class line_ending {
    lf,     ///< LF. A CR before it belongs to the text.
    crlf,   ///< CR LF. Either alone belongs to the text.
    either, ///< LF, and a CR before it if there is one; what is sent ends with CR LF.
};

/// Lines of text: what telnet and many an old protocol speak. A message is a line without its
/// ending, valid until the handler returns; any bytes may stand in it but the ending.
class line_codec {
  public:
    /// One line, without its ending.
    using message_type = std::span<std::byte const>;

    /// What a service agrees on with its clients.
    struct settings {
        /// The longest line, its ending included: 2 to 65,536 bytes. (An incomplete line is looked
        /// through again with each piece that comes, as a codec keeps nothing: so it must be
        /// short.)
        std::uint32_t size_max = 8'192;
        /// What ends a line.
        line_ending ending = line_ending::lf;
    };

    /// \throws std::invalid_argument for a limit outside of the above.
    explicit line_codec(settings wanted) : settings_{wanted} {
        if (wanted.size_max < 2 || wanted.size_max > 65'536)
            throw std::invalid_argument{"line size limit: " + std::to_string(wanted.size_max) +
                                        " is not in 2 to 65536"};
    }
    line_codec() : line_codec{settings{}} {}

    /// With the ending.
    std::size_t size_max() const noexcept { return settings_.size_max; }

    /// See `codec`.
    decode_result decode(std::span<std::byte const> input, message_type& line) const noexcept {
        auto const* begin = reinterpret_cast<char const*>(input.data());
        std::string_view text{begin, std::min(input.size(), size_max())};
        bool pairs_only = settings_.ending == line_ending::crlf;
        auto end = pairs_only ? text.find(cr_lf) : text.find('\n');
        if (end == std::string_view::npos)
            return text.size() == size_max() ? decode_result::refused(errc::bad_size)
                                             : decode_result::incomplete();
        auto size = end + (pairs_only ? 2 : 1);
        bool drops_cr =
            settings_.ending == line_ending::either && end != 0 && text[end - 1] == '\r';
        line = input.first(drops_cr ? end - 1 : end);
        return decode_result::complete(size);
    }

    /// \throws std::length_error when the line with its ending exceeds `size_max()`;
    ///         std::invalid_argument when there is the end of a line in it.
    template <byte_sink Sink>
    void encode(std::string_view text, Sink& sink) const {
        std::string_view ending = settings_.ending == line_ending::lf ? cr_lf.substr(1) : cr_lf;
        // What came with LF alone at the limit can be sent again.
        if (settings_.ending == line_ending::either && text.size() + 1 == size_max() &&
            !text.ends_with('\r'))
            ending = cr_lf.substr(1);
        bool pairs_only = settings_.ending == line_ending::crlf;
        if (text.size() + ending.size() > size_max())
            throw std::length_error{"a line of " + std::to_string(text.size() + ending.size()) +
                                    " bytes exceeds the limit of " + std::to_string(size_max())};
        if ((pairs_only ? text.find(cr_lf) : text.find('\n')) != std::string_view::npos)
            throw std::invalid_argument{"a line has the end of a line in it"};
        if (!text.empty()) sink.append(as_bytes(text));
        sink.append(as_bytes(ending));
    }
    /// The same for bytes.
    template <byte_sink Sink>
    void encode(std::span<std::byte const> text, Sink& sink) const {
        encode(std::string_view{reinterpret_cast<char const*>(text.data()), text.size()}, sink);
    }

  private:
    static constexpr std::string_view cr_lf{"\r\n"};

    settings settings_;
};

static_assert(codec<line_codec>);

} // namespace millipede
