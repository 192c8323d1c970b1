// SPDX-License-Identifier: BSL-1.0
#include "commands.hpp"

#include <millipede/client.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/endian/arithmetic.hpp>

#include <chrono>
#include <cstdio>
#include <iostream>
#include <stdexcept>
#include <string>
#include <variant>

namespace {

namespace asio = boost::asio;
using namespace boost::asio::experimental::awaitable_operators;
using boost::system::system_error;
using millipede::client;
using millipede::client_options;
using millipede::error_code;
using millipede::frame;
using millipede::frame_codec;

// Failures as values: the commands have words of their own for most of them.
constexpr auto as_tuple = asio::as_tuple(asio::use_awaitable);

struct login_reply {
    static constexpr std::uint16_t command = 0x6101;
};

struct login_request {
    static constexpr std::uint16_t command = 0x6101;
    using reply_type = login_reply;
    boost::endian::little_uint16_t uid;
};

asio::awaitable<void> pause(std::chrono::milliseconds time) {
    asio::steady_timer timer{co_await asio::this_coro::executor, time};
    co_await timer.async_wait(asio::use_awaitable);
}

// What went wrong, in words; a time that is over says how long it was.
[[noreturn]] void fail(char const* what, error_code const& why, client_settings const& settings) {
    if (why == millipede::close_reason::timeout)
        throw std::runtime_error{std::string{what} + ": nothing within " +
                                 std::to_string(settings.timeout.count()) + " ms"};
    throw system_error{why};
}

client_options options_of(client_settings const& settings) {
    return {.connect_timeout = settings.timeout, .request_timeout = settings.timeout};
}

frame_codec codec_of(client_settings const& settings) {
    return frame_codec{{.magic = settings.magic}};
}

asio::awaitable<void> connect(client& connection, client_settings const& settings) {
    auto [code] = co_await connection.async_connect(settings.host, settings.port, as_tuple);
    if (code) fail("connect", code, settings);
}

// The reason why the connection ends, when it does. Messages have a handler, so nothing else comes.
asio::awaitable<error_code> end_of(client& connection) {
    auto [code, none] = co_await connection.async_receive(as_tuple);
    co_return code;
}

void print(frame const& frame) {
    std::printf("command 0x%04x, %zu bytes of data:", static_cast<unsigned>(frame.command),
                frame.data().size());
    for (auto byte : frame.data())
        std::printf(" %02x", std::to_integer<unsigned>(byte));
    std::printf("\n");
    std::fflush(stdout);
}

} // namespace

asio::awaitable<void> login(client_settings const& settings) {
    client connection{co_await asio::this_coro::executor, options_of(settings), codec_of(settings)};
    bool something_else = false;
    connection.on_message([&](frame const&) { something_else = true; });
    co_await connect(connection, settings);
    auto [code, reply] = co_await connection.async_request(login_request{settings.uid}, as_tuple);
    if (code && something_else) throw std::runtime_error{"login: the reply is something else"};
    if (code) fail("login", code, settings);
    std::cout << "logged in as " << settings.uid << std::endl;
    if (settings.hold == std::chrono::milliseconds::zero()) co_return;
    auto first = co_await (end_of(connection) || pause(settings.hold));
    if (first.index() == 0) throw std::runtime_error{"hold: the server ended the connection"};
    std::cout << "held for " << settings.hold.count() << " ms" << std::endl;
}

asio::awaitable<void> send(client_settings const& settings) {
    client connection{co_await asio::this_coro::executor, options_of(settings), codec_of(settings)};
    co_await connect(connection, settings);
    connection.async_send(settings.command, settings.data, asio::detached);
    auto first = co_await (connection.async_receive(as_tuple) || pause(settings.timeout));
    if (first.index() == 1) fail("reply", millipede::errc::request_timeout, settings);
    auto [code, reply] = std::get<0>(first);
    if (code) fail("reply", code, settings);
    print(*reply);
}

asio::awaitable<void> watch(client_settings const& settings) {
    client connection{co_await asio::this_coro::executor, options_of(settings), codec_of(settings)};
    connection.on_message(print);
    co_await connect(connection, settings);
    auto [code, reply] = co_await connection.async_request(login_request{settings.uid}, as_tuple);
    if (code) fail("login", code, settings);
    auto end = co_await end_of(connection);
    if (end != millipede::errc::closed_by_peer) throw system_error{end};
}
