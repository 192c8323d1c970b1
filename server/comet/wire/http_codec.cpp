// SPDX-License-Identifier: BSL-1.0
#include "wire/http_codec.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/optional/optional.hpp>

#include <algorithm>
#include <optional>

namespace comet {
namespace {

namespace http = boost::beast::http;
using boost::beast::iequals;
using beast_view = boost::beast::string_view;
using millipede::decode_result;
using millipede::error_code;

constexpr std::string_view line_end{"\r\n"};
constexpr std::string_view head_end{"\r\n\r\n"};
constexpr std::string_view last_chunk{"0\r\n\r\n"};

constexpr std::uint16_t bad_request = 400;
constexpr std::uint16_t body_too_large = 413;
constexpr std::uint16_t target_too_long = 414;
constexpr std::uint16_t expectation_failed = 417;
constexpr std::uint16_t head_too_large = 431;
constexpr std::uint16_t not_implemented = 501;
constexpr std::uint16_t version_unknown = 505;

std::optional<http_method> served(http::verb verb) noexcept {
    switch (verb) {
    case http::verb::get:
        return http_method::get;
    case http::verb::post:
        return http_method::post;
    case http::verb::head:
        return http_method::head;
    case http::verb::put:
        return http_method::put;
    case http::verb::delete_:
        return http_method::remove;
    case http::verb::options:
        return http_method::options;
    default:
        return std::nullopt;
    }
}

std::string_view view_of(beast_view text) noexcept {
    return {text.data(), text.size()};
}

// Whatever parameters follow: JSON has but one character set.
bool names_json(std::string_view type) noexcept {
    type = type.substr(0, type.find(';'));
    type = type.substr(0, type.find_last_not_of(" \t") + 1);
    return iequals(beast_view{type.data(), type.size()}, "application/json");
}

// Notes where the parts of a request lie; copies a body only when it comes in chunks.
class request_reader final : public http::basic_parser<true> {
  public:
    request_reader(http_request& request, http_codec::limits const& limits)
        : request_{request}, chunks_left_{limits.chunks_max} {
        header_limit(limits.head_max);
        body_limit(std::uint64_t{limits.body_max});
    }

    bool expects_continue() const noexcept { return expects_continue_; }
    /// What the head alone is refused for; 0 for nothing.
    std::uint16_t fault() const noexcept { return fault_; }
    /// What has to come at least, at the end of the input: the rest of a chunk, and the last chunk.
    /// 0: unknown.
    std::size_t missing() const noexcept {
        return chunk_left_ == 0 ? 0 : chunk_left_ + line_end.size() + last_chunk.size();
    }

  private:
    void refuse(std::uint16_t status) noexcept {
        if (fault_ == 0) fault_ = status;
    }

    void on_request_impl(http::verb verb, beast_view, beast_view target, int version,
                         error_code&) override {
        if (auto method = served(verb))
            request_.method = *method;
        else
            refuse(not_implemented);
        version_ = version;
        auto rest = view_of(target);
        if (!rest.starts_with('/')) { // the absolute form: scheme, host, then the path
            auto host = rest.find("://");
            if (host == std::string_view::npos) return refuse(bad_request);
            auto path = rest.find_first_of("/?", host + 3);
            rest = path == std::string_view::npos ? std::string_view{"/"} : rest.substr(path);
            is_absolute_ = true;
        }
        rest = rest.substr(0, rest.find('#'));
        auto mark = std::min(rest.find('?'), rest.size());
        request_.path = rest.substr(0, mark);
        request_.query = rest.substr(std::min(mark + 1, rest.size()));
    }

    void on_field_impl(http::field name, beast_view text, beast_view value, error_code&) override {
        if (name == http::field::transfer_encoding) {
            if (version_ < 11)
                refuse(bad_request);
            else if (!iequals(value, "chunked"))
                refuse(not_implemented);
            if (has_coding_) refuse(bad_request);
            has_coding_ = true;
        } else if (name == http::field::content_length) {
            if (has_length_) refuse(bad_request);
            has_length_ = true;
        } else if (name == http::field::content_type) {
            request_.is_json = names_json(view_of(value));
        } else if (name == http::field::if_none_match) {
            request_.if_none_match = view_of(value);
        } else if (name == http::field::expect) {
            if (iequals(value, "100-continue"))
                expects_continue_ = version_ >= 11;
            else
                refuse(expectation_failed);
        } else if (iequals(text, "Last-Event-ID")) {
            request_.last_event_id = view_of(value);
        }
    }

    void on_header_impl(error_code&) override {
        if (has_length_ && has_coding_) refuse(bad_request);
        request_.terms = {.chunked = version_ >= 11,
                          .keep_alive = keep_alive() && !is_absolute_,
                          .bodiless = request_.method == http_method::head};
    }

    void on_chunk_header_impl(std::uint64_t size, beast_view, error_code& code) override {
        if (chunks_left_-- == 0) code = http::error::body_limit;
        chunk_left_ = static_cast<std::size_t>(size); // within the limit of a body
    }
    std::size_t on_chunk_body_impl(std::uint64_t, beast_view body, error_code&) override {
        request_.joined_body.append(body.data(), body.size());
        chunk_left_ -= body.size();
        return body.size();
    }

    void on_response_impl(int, beast_view, int, error_code&) override {}
    void on_body_init_impl(boost::optional<std::uint64_t> const&, error_code&) override {}
    std::size_t on_body_impl(beast_view body, error_code&) override { return body.size(); }
    void on_finish_impl(error_code&) override {}

    http_request& request_;
    std::uint32_t chunks_left_;
    std::size_t chunk_left_ = 0; // of the one under way, bytes
    int version_ = 11;
    std::uint16_t fault_ = 0;
    bool is_absolute_ = false;
    bool has_length_ = false;
    bool has_coding_ = false;
    bool expects_continue_ = false;
};

// Whether a first line ends with a version of HTTP, were it one of the future.
bool names_a_version(std::string_view head) noexcept {
    constexpr std::string_view form{" HTTP/d.d"};
    auto line = head.substr(0, head.find(line_end));
    if (line.size() < form.size()) return false;
    auto end = line.substr(line.size() - form.size());
    for (std::size_t at = 0; at < form.size(); ++at) {
        bool is_digit = end[at] >= '0' && end[at] <= '9';
        if (form[at] == 'd' ? !is_digit : end[at] != form[at]) return false;
    }
    return true;
}

std::uint16_t status_of(error_code const& failure, std::string_view head) noexcept {
    if (failure == http::error::bad_version && names_a_version(head)) return version_unknown;
    if (failure == http::error::header_limit) return head_too_large;
    if (failure == http::error::body_limit) return body_too_large;
    return bad_request;
}

// Nothing that follows can be understood any more: it belongs to the refusal.
decode_result refuse(std::string_view input, http_request& request, std::uint16_t status) {
    request.what = http_request::kind::refused;
    request.status = status;
    request.terms.keep_alive = false;
    request.raw = input;
    return decode_result::complete(input.size());
}

bool begins_a_method(char letter) noexcept {
    return (letter >= 'A' && letter <= 'Z') || (letter >= 'a' && letter <= 'z');
}

// Two servers that read a folded field differently see different requests.
bool has_folded_field(std::string_view head) noexcept {
    return head.find("\r\n ") != std::string_view::npos ||
           head.find("\r\n\t") != std::string_view::npos;
}

// A chunk adds its size, two line ends, and extensions, which may not be longer than a head.
std::size_t request_max(http_codec::limits const& most) noexcept {
    return std::size_t{most.head_max} * 2 + most.body_max + std::size_t{most.chunks_max} * 32;
}

decode_result decode_frame(std::span<std::byte const> input, http_request& request,
                           std::uint32_t message_max) {
    auto found = read_websocket_frame(input, message_max, request.frame, request.fault);
    request.what = request.fault == close_code::none ? http_request::kind::frame
                                                     : http_request::kind::bad_frame;
    return found;
}

} // namespace

std::size_t http_codec::size_max() const noexcept {
    return std::max(request_max(limits_), limits_.websocket_message_max + websocket_head_max);
}

decode_result http_codec::decode(std::span<std::byte const> input, http_request& request) const {
    return decode_request(input, request, true, limits_);
}

decode_result http_codec::decode_next(std::span<std::byte const> input, http_request& request,
                                      http_exchange& exchange, limits const& most) {
    if (input.empty()) return decode_result::incomplete(1);
    if (exchange.is_websocket) return decode_frame(input, request, most.websocket_message_max);
    if (exchange.endless) return decode_result::skipped(input.size());
    if (exchange.busy) {
        request.what = http_request::kind::behind;
        return decode_result::complete(0);
    }
    auto found = decode_request(input, request, exchange.continued, most);
    if (found.found == decode_result::status::complete)
        exchange.continued = request.what == http_request::kind::wants_continue;
    return found;
}

decode_result http_codec::decode_request(std::span<std::byte const> input, http_request& request,
                                         bool continued, limits const& most) {
    std::string_view text{reinterpret_cast<char const*>(input.data()), input.size()};
    if (text.starts_with(line_end)) return decode_result::skipped(line_end.size());
    if (text == "\r") return decode_result::incomplete(line_end.size());
    if (!text.empty() && !begins_a_method(text.front())) return refuse(text, request, bad_request);
    auto head = text.substr(0, most.head_max).find(head_end);
    if (head == std::string_view::npos) {
        if (text.size() < most.head_max) return decode_result::incomplete();
        bool in_first_line = text.substr(0, most.head_max).find(line_end) == std::string_view::npos;
        return refuse(text, request, in_first_line ? target_too_long : head_too_large);
    }
    auto head_size = head + head_end.size();
    if (has_folded_field(text.substr(0, head_size))) return refuse(text, request, bad_request);

    request_reader reader{request, most};
    error_code failure;
    reader.put(boost::asio::buffer(text.data(), head_size), failure);
    if (reader.fault() != 0) return refuse(text, request, reader.fault());
    if (failure) return refuse(text, request, status_of(failure, text));

    auto size = head_size;
    bool whole = reader.is_done();
    std::size_t needed = 0;
    if (!whole && !reader.chunked()) {
        auto length = static_cast<std::size_t>(*reader.content_length());
        request.plain_body = text.substr(head_size, length);
        needed = size = head_size + length;
        whole = text.size() >= size;
    } else if (!whole) {
        reader.eager(true);
        auto rest = text.substr(head_size);
        if (!rest.empty())
            size += reader.put(boost::asio::buffer(rest.data(), rest.size()), failure);
        whole = reader.is_done();
        if (!whole && failure && failure != http::error::need_more)
            return refuse(text, request, status_of(failure, text));
        if ((whole ? size : text.size() + 1) > request_max(most))
            return refuse(text, request, body_too_large);
        if (reader.missing() != 0)
            needed = std::min(text.size() + reader.missing(), request_max(most));
    }
    if (!whole) {
        if (!reader.expects_continue() || continued) return decode_result::incomplete(needed);
        request.what = http_request::kind::wants_continue;
        return decode_result::complete(0);
    }
    request.raw = text.substr(0, size);
    return decode_result::complete(size);
}

} // namespace comet
