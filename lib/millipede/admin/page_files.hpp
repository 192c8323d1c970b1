// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <span>
#include <string_view>

namespace millipede::detail {

/// A file of the live page, part of the library since it was built.
struct page_file {
    std::string_view name; ///< Below `admin/page/`.
    std::string_view content_type;
    std::string_view entity_tag; ///< Changes with its bytes; with the quotes that belong to it.
    std::string_view bytes;
};

/// All of them; cmake/embed.cmake makes this function.
std::span<page_file const> page_files() noexcept;

} // namespace millipede::detail
