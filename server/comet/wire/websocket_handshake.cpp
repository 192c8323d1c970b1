// SPDX-License-Identifier: BSL-1.0
#include "wire/websocket_handshake.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/buffers_iterator.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/websocket/stream.hpp>

#include <algorithm>
#include <cstddef>

namespace comet {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
namespace websocket = boost::beast::websocket;
using boost::beast::error_code;

constexpr std::uint16_t bad_request = 400;
constexpr std::uint16_t upgrade_required = 426;

// What Beast takes for a connection: notes what is written to it; there is nothing to read.
class reply_recorder {
  public:
    using executor_type = asio::io_context::executor_type;

    reply_recorder(executor_type executor, std::string& reply)
        : executor_{executor}, reply_{&reply} {}

    executor_type get_executor() const noexcept { return executor_; }

    template <class Buffers>
    std::size_t write_some(Buffers const& bytes, error_code& code) {
        code = {};
        auto size = asio::buffer_size(bytes);
        reply_->append(asio::buffers_begin(bytes), asio::buffers_end(bytes));
        return size;
    }
    template <class Buffers>
    std::size_t write_some(Buffers const& bytes) {
        error_code none;
        return write_some(bytes, none);
    }
    template <class Buffers>
    std::size_t read_some(Buffers const&, error_code& code) {
        code = asio::error::eof;
        return 0;
    }
    template <class Buffers>
    std::size_t read_some(Buffers const&) {
        throw boost::system::system_error{asio::error::eof};
    }

  private:
    executor_type executor_;
    std::string* reply_;
};

[[maybe_unused]] void teardown(boost::beast::role_type, reply_recorder&, error_code& code) {
    code = {};
}

// 16 bytes in base64, which Beast does not look at.
bool is_key(boost::beast::string_view key) noexcept {
    constexpr std::size_t letters = 22;
    auto is_letter = [](char letter) {
        return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
               (letter >= '0' && letter <= '9') || letter == '+' || letter == '/';
    };
    return key.size() == letters + 2 && key.ends_with("==") &&
           std::all_of(key.begin(), key.begin() + letters, is_letter);
}

} // namespace

websocket_handshake answer_handshake(std::string_view request,
                                     asio::io_context::executor_type executor) {
    http::request_parser<http::empty_body> parser;
    parser.header_limit(static_cast<std::uint32_t>(request.size())); // has been looked at before
    error_code failure;
    parser.put(asio::buffer(request.data(), request.size()), failure);
    if (!parser.is_header_done()) return {.status = bad_request};
    auto const& fields = parser.get();
    if (fields.count(http::field::sec_websocket_key) != 1 ||
        !is_key(fields[http::field::sec_websocket_key]))
        return {.status = bad_request};

    websocket_handshake made;
    websocket::stream<reply_recorder, false> connection{executor, made.reply};
    connection.set_option(websocket::stream_base::decorator(
        [](websocket::response_type& reply) { reply.set(http::field::server, "Millipede"); }));
    connection.accept(fields, failure);
    if (!failure) {
        made.origin = fields[http::field::origin];
        made.host = fields[http::field::host];
        return made;
    }
    bool other_version = failure == websocket::error::bad_sec_version;
    return {.status = other_version ? upgrade_required : bad_request};
}

} // namespace comet
