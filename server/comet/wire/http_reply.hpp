// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "wire/http_request.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace comet {

/// A reply that is sent as a whole.
struct http_reply {
    std::uint16_t status = 200;
    std::string_view reason{};       ///< Empty: the usual words for the status.
    std::string_view content_type{}; ///< Empty: the field is left out.
    std::string fields{};            ///< Others, as whole lines.
    std::string body{};
    bool from_icomet = false; ///< With the field by which icomet names itself.
    bool closes = false;      ///< The connection ends behind it, whatever the request asked for.
};

/// The bytes of `reply`: line, fields, body. A connection that does not go on is told so, and an
/// HTTP/1.0 one that does, too. \param fields more of them, as whole lines.
std::string encode_reply(http_reply const& reply, reply_terms const& terms,
                         std::string_view fields = {});

/// Status line and fields of a reply whose length is not known, up to the empty line; `fields` are
/// whole lines.
std::string endless_head(std::string_view fields, reply_terms const& terms);

/// The page that says what is wrong, for people; the connection ends behind it.
http_reply error_page(std::uint16_t status);

/// Appends `bytes`, not empty, as a chunk when `chunked`, else as they stand.
void append_chunk(std::string& to, bool chunked, std::string_view bytes);

/// What ends a reply in chunks.
inline constexpr std::string_view last_chunk{"0\r\n\r\n"};

/// The moment as HTTP writes it; looked up once per second and thread.
std::string_view http_date();

} // namespace comet
