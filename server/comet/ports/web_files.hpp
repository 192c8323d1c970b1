// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "wire/http_reply.hpp"
#include "wire/http_request.hpp"

#include <span>
#include <string_view>

namespace comet {

/// A file of `web/`, part of the program since it was built.
struct embedded_file {
    std::string_view name; ///< Below `web/`.
    std::string_view content_type;
    std::string_view entity_tag; ///< Changes with its bytes; with the quotes that belong to it.
    std::string_view bytes;
};

/// All of them; cmake/embed.cmake makes this function.
std::span<embedded_file const> embedded_files() noexcept;

/// The file that a browser finds at a path: "/" is the index, a page stands there without its
/// ".html", all else by its name. Null when there is none.
embedded_file const* web_file_at(std::string_view path) noexcept;

/// What is answered for it: with its bytes, by which a length can be told where they are not sent;
/// with status 304, when the browser has them; with 405, if it is not GET or HEAD.
http_reply web_reply(http_request const& request, embedded_file const& file);

} // namespace comet
