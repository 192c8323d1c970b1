// SPDX-License-Identifier: BSL-1.0
// The parameters of the comet server's requests. Input: the query, a NUL, a body.
#include "fuzz/target.hpp"

#include "channels/message.hpp"
#include "wire/query.hpp"

#include <cctype>
#include <optional>
#include <string>
#include <string_view>

namespace {

// Letter by letter, from the description.
std::optional<std::string> model(std::string_view text, std::string_view wanted) {
    std::optional<std::string> found;
    while (!text.empty()) {
        auto item = text.substr(0, text.find('&'));
        text.remove_prefix(std::min(item.size() + 1, text.size()));
        auto equals = item.find('=');
        if (equals == std::string_view::npos || equals == 0) return std::nullopt;
        std::string name{item.substr(0, equals)};
        for (auto& letter : name)
            if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter + 32);
        if (name != wanted || found) continue;
        auto value = comet::percent_decoded(item.substr(equals + 1), true);
        found = value.substr(0, value.find('\0'));
    }
    return found;
}

// A JSON string's inside: no control character, no lone quotation mark or backslash.
bool is_json_text(std::string_view text) {
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (static_cast<unsigned char>(text[at]) < 0x20 || text[at] == '"') return false;
        if (text[at] == '\\' && ++at == text.size()) return false;
    }
    return true;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    auto text = fuzz::text_of({data, size});
    auto nul = std::string_view{text}.find('\0');
    comet::http_request request;
    request.query = std::string_view{text}.substr(0, nul);
    request.method = comet::http_method::post;
    if (nul != std::string_view::npos) request.plain_body = std::string_view{text}.substr(nul + 1);
    comet::parameters given{request};
    for (std::string_view name : {"cname", "seq", "cb"}) {
        auto found = given.find(name);
        if (auto in_body = model(request.plain_body, name))
            fuzz::require(found == in_body, "the body wins");
        else if (found)
            fuzz::require(found == model(request.query, name), "then the query");
        if (!found) continue;
        given.number(name);
        fuzz::require(is_json_text(comet::json_escaped(*found)), "escaped text is JSON");
        auto completed = comet::json_completed(comet::json_escaped(*found));
        fuzz::require(completed == comet::json_escaped(*found), "and needs nothing more");
    }
    return 0;
}
