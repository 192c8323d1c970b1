// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "support/raw_client.hpp"

#include <boost/asio/ip/tcp.hpp>

#include <string>
#include <string_view>

namespace test {

/// What an HTTP server answered.
struct http_answer {
    int status = 0;
    std::string head; ///< Status line and fields, as they came.
    std::string body;

    bool has(std::string_view part) const {
        return head.find(part) != std::string::npos || body.find(part) != std::string::npos;
    }
};

inline http_answer parse_http_answer(std::string const& text) {
    auto end = text.find("\r\n\r\n");
    if (!text.starts_with("HTTP/1.1 ") || end == std::string::npos)
        throw std::runtime_error{"no answer in HTTP: '" + text.substr(0, 200) + "'"};
    return {std::stoi(text.substr(9, 3)), text.substr(0, end + 2), text.substr(end + 4)};
}

/// One request on a connection of its own, as by a stranger. \param fields end with CR LF each.
inline http_answer http(boost::asio::ip::tcp::endpoint const& where, std::string const& what,
                        std::string const& fields = "Host: localhost\r\n",
                        std::string const& body = "") {
    raw_client client{where};
    client.send(what + " HTTP/1.1\r\n" + fields + "Connection: close\r\n" +
                (body.empty() ? "" : "Content-Length: " + std::to_string(body.size()) + "\r\n") +
                "\r\n" + body);
    return parse_http_answer(client.read_to_end().bytes);
}

} // namespace test
