// SPDX-License-Identifier: BSL-1.0
#include "wire/http_reply.hpp"

#include <array>
#include <charconv>
#include <ctime>

namespace comet {
namespace {

std::string_view words_of(std::uint16_t status) noexcept {
    switch (status) {
    case 200:
        return "OK";
    case 204:
        return "No Content";
    case 304:
        return "Not Modified";
    case 400:
        return "Bad Request";
    case 401:
        return "Unauthorized";
    case 403:
        return "Forbidden";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 408:
        return "Request Timeout";
    case 413:
        return "Content Too Large";
    case 414:
        return "URI Too Long";
    case 417:
        return "Expectation Failed";
    case 426:
        return "Upgrade Required";
    case 429:
        return "Too Many Channels";
    case 431:
        return "Request Header Fields Too Large";
    case 501:
        return "Not Implemented";
    case 503:
        return "Service Unavailable";
    case 505:
        return "HTTP Version Not Supported";
    default:
        return "Error";
    }
}

void append_line(std::string& to, std::string_view name, std::string_view value) {
    to.append(name).append(": ").append(value).append("\r\n");
}

std::string status_line(std::uint16_t status, std::string_view reason) {
    std::string line{"HTTP/1.1 "};
    line.append(std::to_string(status)).append(" ");
    line.append(reason.empty() ? words_of(status) : reason).append("\r\n");
    append_line(line, "Date", http_date());
    return line;
}

} // namespace

std::string encode_reply(http_reply const& reply, reply_terms const& terms,
                         std::string_view fields) {
    constexpr std::uint16_t no_content = 204; // has no length either
    auto text = status_line(reply.status, reply.reason);
    if (reply.from_icomet) append_line(text, "Server", "icomet 0.2.5");
    if (!reply.content_type.empty()) append_line(text, "Content-Type", reply.content_type);
    text.append(reply.fields).append(fields);
    if (reply.status != no_content)
        append_line(text, "Content-Length", std::to_string(reply.body.size()));
    if (reply.closes || !terms.keep_alive)
        append_line(text, "Connection", "close");
    else if (!terms.chunked)
        append_line(text, "Connection", "keep-alive");
    text.append("\r\n");
    if (!terms.bodiless) text.append(reply.body);
    return text;
}

std::string endless_head(std::string_view fields, reply_terms const& terms) {
    auto text = status_line(200, {});
    text.append(fields);
    append_line(text, "Connection", terms.keep_alive ? "keep-alive" : "close");
    if (terms.chunked) append_line(text, "Transfer-Encoding", "chunked");
    text.append("\r\n");
    return text;
}

http_reply error_page(std::uint16_t status) {
    auto title = std::to_string(status).append(" ").append(words_of(status));
    std::string page{"<!DOCTYPE html>\n<html><head><title>"};
    page.append(title).append("</title></head><body><h1>").append(words_of(status));
    page.append("</h1></body></html>\n");
    return {.status = status,
            .content_type = "text/html; charset=utf-8",
            .body = std::move(page),
            .closes = true};
}

void append_chunk(std::string& to, bool chunked, std::string_view bytes) {
    if (!chunked) {
        to.append(bytes);
        return;
    }
    std::array<char, 16> digits{};
    auto end = std::to_chars(digits.data(), digits.data() + digits.size(), bytes.size(), 16).ptr;
    to.append(digits.data(), end).append("\r\n").append(bytes).append("\r\n");
}

std::string_view http_date() {
    thread_local std::time_t noted = -1;
    thread_local std::array<char, 40> text{};
    thread_local std::size_t size = 0;
    auto now = std::time(nullptr);
    if (now != noted) {
        std::tm parts{};
        gmtime_r(&now, &parts);
        size = std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
        noted = now;
    }
    return {text.data(), size};
}

} // namespace comet
