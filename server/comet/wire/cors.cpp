// SPDX-License-Identifier: BSL-1.0
#include "wire/cors.hpp"

#include <algorithm>
#include <stdexcept>

namespace comet {
namespace {

// What an origin is made of, "https://example.com:8443" and "http://[::1]": nothing of a path, and
// nothing that would end the field.
bool is_origin(std::string_view text) noexcept {
    constexpr std::string_view mark{"://"};
    auto at = text.find(mark);
    if (at == std::string_view::npos || at == 0 || at + mark.size() == text.size()) return false;
    auto is_letter = [](char each) { return each >= 'a' && each <= 'z'; };
    auto scheme = text.substr(0, at);
    auto host = text.substr(at + mark.size());
    return std::all_of(scheme.begin(), scheme.end(),
                       [&](char each) { return is_letter(each) || each == '-' || each == '+'; }) &&
           std::all_of(host.begin(), host.end(), [&](char each) {
               return is_letter(each) || (each >= '0' && each <= '9') ||
                      std::string_view{".-_:[]"}.find(each) != std::string_view::npos;
           });
}

} // namespace

cors::cors(std::string_view origin) {
    if (origin == "none") return;
    if (origin != "*" && !is_origin(origin))
        throw std::invalid_argument{"'" + std::string{origin} +
                                    "' is neither *, nor none, nor an origin such as "
                                    "https://example.com"};
    origin_ = origin;
    fields_.append("Access-Control-Allow-Origin: ").append(origin).append("\r\n");
}

bool cors::admits(std::string_view origin, std::string_view host) const noexcept {
    constexpr std::string_view mark{"://"};
    if (origin.empty() || origin_ == "*" || origin == origin_) return true;
    auto at = origin.find(mark);
    return at != std::string_view::npos && origin.substr(at + mark.size()) == host;
}

http_reply cors::answer() const {
    constexpr std::uint16_t no_content = 204;
    return {.status = no_content,
            .fields = "Access-Control-Allow-Methods: GET, POST, OPTIONS\r\n"
                      "Access-Control-Allow-Headers: content-type, last-event-id\r\n"
                      "Access-Control-Max-Age: 86400\r\n"};
}

} // namespace comet
