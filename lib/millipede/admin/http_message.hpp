// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace millipede::detail {

/// What the endpoint looks at of a request. Fields that were not there are empty.
struct http_request {
    std::string method;
    std::string target; ///< As it came: path and query.
    bool is_http_10 = false;
    bool has_host = false;
    std::string host;
    std::string origin;
    std::string fetch_site;
    std::string authorization;
    std::string if_none_match;
};

/// What it answers. The body is shared: it may be a cached one that others get, too.
struct http_response {
    unsigned status = 200;
    std::string content_type{"text/plain; charset=utf-8"};
    std::shared_ptr<std::string const> body{};
    std::vector<std::pair<std::string, std::string>> fields{}; ///< Further ones.
    bool is_stream = false; ///< Events follow, instead of a body.
};

/// A text, which is given a line's end.
inline http_response http_text(unsigned status, std::string text) {
    return {.status = status, .body = std::make_shared<std::string const>(std::move(text) + "\n")};
}

} // namespace millipede::detail
