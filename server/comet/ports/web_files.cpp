// SPDX-License-Identifier: BSL-1.0
#include "ports/web_files.hpp"

#include <algorithm>
#include <string>

namespace comet {
namespace {

constexpr std::string_view page_ending{".html"};

// Modules may be used by pages of other origins (they are told so by CORS), so there is no
// resource policy. A browser asks each time whether it has the latest bytes.
constexpr std::string_view fields_of_all{
    "Cache-Control: no-cache\r\n"
    "X-Content-Type-Options: nosniff\r\n"
    "Referrer-Policy: no-referrer\r\n"
    "Content-Security-Policy: default-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'\r\n"};

// Whether a list of tags names one, were it as a weak one, as a proxy that compresses makes it.
bool names(std::string_view list, std::string_view tag) noexcept {
    return list == "*" || list.find(tag) != std::string_view::npos;
}

std::string_view place_of(std::string_view name) noexcept {
    if (name == "index.html") return {};
    if (name.ends_with(page_ending)) name.remove_suffix(page_ending.size());
    return name;
}

} // namespace

embedded_file const* web_file_at(std::string_view path) noexcept {
    if (!path.starts_with('/')) return nullptr;
    auto files = embedded_files();
    auto found = std::find_if(files.begin(), files.end(), [&](embedded_file const& each) {
        return place_of(each.name) == path.substr(1);
    });
    return found == files.end() ? nullptr : &*found;
}

http_reply web_reply(http_request const& request, embedded_file const& file) {
    if (request.method != http_method::get && request.method != http_method::head)
        return {.status = 405, .fields = "Allow: GET, HEAD\r\n"};
    http_reply answer{.content_type = file.content_type, .body = std::string{file.bytes}};
    answer.fields.append("ETag: ").append(file.entity_tag).append("\r\n").append(fields_of_all);
    if (names(request.if_none_match, file.entity_tag)) answer.status = 304;
    return answer;
}

} // namespace comet
