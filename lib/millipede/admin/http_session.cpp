// SPDX-License-Identifier: BSL-1.0
#include <millipede/admin/http_session.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <exception>
#include <utility>

namespace millipede::detail {
namespace {

using namespace std::chrono_literals;
namespace http = boost::beast::http;

constexpr std::uint32_t head_max_bytes = 8 * 1024;
constexpr std::uint64_t body_max_bytes = 4 * 1024;
constexpr std::size_t buffer_max_bytes = 16 * 1024;

// A peer that is sent away may still be sending: closing at once would destroy the answer.
constexpr auto linger = 1s;
constexpr std::size_t linger_max_bytes = 256 * 1024;

// What the kernel may hold for a client that does not read.
constexpr int send_buffer_bytes = 64 * 1024;
constexpr auto event_interval = 1s;

constexpr std::string_view stream_head{"HTTP/1.1 200 OK\r\n"
                                       "Content-Type: text/event-stream\r\n"
                                       "Cache-Control: no-store\r\n"
                                       "X-Accel-Buffering: no\r\n"
                                       "X-Content-Type-Options: nosniff\r\n"
                                       "Connection: close\r\n\r\n"};

constexpr auto token = boost::asio::as_tuple(boost::asio::use_awaitable);

template <class Fields>
http_request request_of(Fields const& head, unsigned version) {
    auto field = [&](auto name) { return std::string{head[name]}; };
    return {.method = std::string{head.method_string()},
            .target = std::string{head.target()},
            .is_http_10 = version == 10,
            .has_host = head.count(http::field::host) == 1,
            .host = field(http::field::host),
            .origin = field(http::field::origin),
            .fetch_site = field("Sec-Fetch-Site"),
            .authorization = field(http::field::authorization),
            .if_none_match = field(http::field::if_none_match)};
}

} // namespace

http_session::http_session(std::shared_ptr<http_server> server, http_server::tcp::socket socket)
    : server_{std::move(server)},
      stream_{std::move(socket)},
      timer_{stream_.get_executor()},
      buffer_{buffer_max_bytes} {
    server_->joins(*this);
}

http_session::~http_session() {
    server_->leaves(*this);
}

void http_session::start() {
    error_code ignored;
    stream_.socket().set_option(boost::asio::socket_base::send_buffer_size{send_buffer_bytes},
                                ignored);
    boost::asio::co_spawn(
        stream_.get_executor(), [self = shared_from_this()] { return self->talk(); },
        [](std::exception_ptr) { /* No memory, or the site failed: this client is cut off. */ });
}

void http_session::cut() noexcept {
    stream_.close();
    timer_.cancel();
}

boost::asio::awaitable<void> http_session::talk() {
    while (co_await await_request()) {
        auto got = co_await receive();
        auto site = server_->site();
        if (!got || !site) co_return;
        bool head = got->request.method == "HEAD";
        auto response = co_await site->answer(got->request);
        if (response.is_stream && !head) {
            if (server_->take_stream()) co_return co_await stream_events();
            response = http_text(503, "too many streams");
            response.fields.emplace_back("Retry-After", "1");
        }
        // Where another process accepts by now, the next request is to go to that one.
        bool stays = got->keep_alive && server_->accepts();
        if (!co_await send(response, got->version, head, stays)) co_return;
    }
}

// Its first byte, for which there is more time than for the rest.
boost::asio::awaitable<bool> http_session::await_request() {
    if (buffer_.size() != 0) co_return true;
    stream_.expires_after(server_->limits().idle_timeout);
    auto [code, size] = co_await stream_.async_read_some(buffer_.prepare(4'096), token);
    if (code) co_return false;
    buffer_.commit(size);
    co_return true;
}

boost::asio::awaitable<std::optional<http_session::received>> http_session::receive() {
    http::request_parser<http::string_body> parser;
    parser.header_limit(head_max_bytes);
    parser.body_limit(body_max_bytes);
    stream_.expires_after(server_->limits().request_timeout);
    auto [code, size] = co_await http::async_read(stream_, buffer_, parser, token);
    static_cast<void>(size);
    if (code) {
        co_await refuse(code);
        co_return std::nullopt;
    }
    auto const& message = parser.get();
    co_return received{.request = request_of(message, message.version()),
                       .version = message.version(),
                       .keep_alive = message.keep_alive()};
}

// What cannot be read.
boost::asio::awaitable<void> http_session::refuse(error_code code) {
    if (code == http::error::end_of_stream || code == http::error::partial_message) co_return;
    auto bad = code.category() == http::make_error_code(http::error::bad_method).category();
    if (!bad) co_return; // the socket's: it is gone, or its time is over
    if (code == http::error::body_limit)
        co_await send(http_text(413, "the body is too large"), 11, false, false);
    else if (code == http::error::header_limit || code == http::error::buffer_overflow)
        co_await send(http_text(431, "the head is too large"), 11, false, false);
    else
        co_await send(http_text(400, "this is no HTTP: " + code.message()), 11, false, false);
}

// Returns whether the connection goes on.
boost::asio::awaitable<bool> http_session::send(http_response const& response, unsigned version,
                                                bool head, bool keep_alive) {
    if (auto site = server_->site()) site->count_answer(response.status);
    http::response_header<> fields;
    fields.version(version);
    fields.result(response.status);
    fields.set(http::field::server, "millipede");
    fields.set(http::field::content_type, response.content_type);
    fields.set(http::field::cache_control, "no-store");
    fields.set("X-Content-Type-Options", "nosniff");
    for (auto const& [name, value] : response.fields)
        fields.set(name, value);
    auto size = response.body ? response.body->size() : 0;
    http::response<http::span_body<char const>> message{std::move(fields)};
    if (!head && size != 0) message.body() = {response.body->data(), size};
    if (response.status != 304) message.content_length(size);
    message.keep_alive(keep_alive);
    http::response_serializer<http::span_body<char const>> serializer{message};
    stream_.expires_after(server_->limits().request_timeout);
    auto [code, sent] = co_await http::async_write(stream_, serializer, token);
    static_cast<void>(sent);
    if (code) co_return false;
    if (!keep_alive) co_await end();
    co_return keep_alive;
}

// As long as the client takes them. One that is slow misses events, and is closed when it does not
// take one in time.
boost::asio::awaitable<void> http_session::stream_events() {
    struct place {
        std::shared_ptr<http_server> server;
        ~place() { server->give_back_stream(); }
    } in{server_};
    if (auto site = server_->site()) site->count_answer(200);
    if (!co_await write(stream_head)) co_return;
    timer_.expires_after(0ms);
    for (;;) {
        auto site = server_->site();
        if (!site) co_return;
        auto event = site->event();
        site.reset(); // it is not kept for as long as a client takes
        if (!co_await write(*event)) co_return;
        auto now = std::chrono::steady_clock::now();
        auto next = timer_.expiry() + event_interval;
        timer_.expires_at(next > now ? next : now + event_interval);
        auto [code] = co_await timer_.async_wait(token);
        if (code) co_return;
    }
}

boost::asio::awaitable<bool> http_session::write(std::string_view bytes) {
    stream_.expires_after(server_->limits().event_timeout);
    auto [code, size] =
        co_await boost::asio::async_write(stream_, boost::asio::buffer(bytes), token);
    static_cast<void>(size);
    stream_.expires_never();
    co_return !code;
}

boost::asio::awaitable<void> http_session::end() {
    error_code ignored;
    stream_.socket().shutdown(boost::asio::socket_base::shutdown_send, ignored);
    stream_.expires_after(linger);
    std::array<char, 4'096> thrown_away;
    for (std::size_t count = 0; count < linger_max_bytes;) {
        auto [code, size] =
            co_await stream_.async_read_some(boost::asio::buffer(thrown_away), token);
        if (code) co_return;
        count += size;
    }
}

} // namespace millipede::detail
