// SPDX-License-Identifier: BSL-1.0
#include "commands.hpp"

#include "frame_stream.hpp"

#include <boost/asio/connect.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/endian/arithmetic.hpp>

#include <chrono>
#include <cstdio>
#include <exception>
#include <iostream>
#include <stdexcept>
#include <variant>

namespace {

namespace asio = boost::asio;
using namespace boost::asio::experimental::awaitable_operators;

struct login_request {
    static constexpr std::uint16_t command = 0x6101;
    boost::endian::little_uint16_t uid;
};

struct login_reply {
    static constexpr std::uint16_t command = 0x6101;
};

asio::awaitable<void> pause(std::chrono::milliseconds time) {
    asio::steady_timer timer{co_await asio::this_coro::executor, time};
    co_await timer.async_wait(asio::use_awaitable);
}

// A failure as a result: `||` below goes on waiting for the other side when one side throws.
template <class T>
asio::awaitable<std::variant<T, std::exception_ptr>> attempt(asio::awaitable<T> f) {
    try {
        co_return co_await std::move(f);
    } catch (...) {
        co_return std::current_exception();
    }
}

// Whatever comes first, success, failure or the time, ends the other: a timeout in one expression.
template <class T>
asio::awaitable<T> within(std::chrono::milliseconds time, char const* what, asio::awaitable<T> f) {
    auto first = co_await (attempt(std::move(f)) || pause(time));
    if (auto* failure = std::get_if<std::exception_ptr>(&first)) std::rethrow_exception(*failure);
    if (auto* result = std::get_if<T>(&first)) co_return std::move(*result);
    throw std::runtime_error{std::string{what} + ": nothing within " +
                             std::to_string(time.count()) + " ms"};
}

asio::awaitable<asio::ip::tcp::socket> connected(client_settings const& settings) {
    auto executor = co_await asio::this_coro::executor;
    asio::ip::tcp::resolver resolver{executor};
    auto endpoints =
        co_await resolver.async_resolve(settings.host, settings.port, asio::use_awaitable);
    asio::ip::tcp::socket socket{executor};
    co_await asio::async_connect(socket, endpoints, asio::use_awaitable);
    socket.set_option(asio::ip::tcp::no_delay{true});
    co_return socket;
}

asio::awaitable<frame_stream> open(client_settings const& settings) {
    auto socket = co_await within(settings.timeout, "connect", connected(settings));
    millipede::frame_codec codec{{.magic = settings.magic}};
    co_return frame_stream{std::move(socket), codec};
}

asio::awaitable<void> log_in(frame_stream& stream, client_settings const& settings) {
    co_await stream.send(login_request{settings.uid});
    auto reply = co_await within(settings.timeout, "login", stream.receive());
    if (reply.command != login_reply::command || !millipede::decode_data<login_reply>(reply.data()))
        throw std::runtime_error{"login: the reply is something else"};
}

// Reads and ignores what is pushed until the connection ends.
asio::awaitable<void> end_of(frame_stream& stream) {
    try {
        for (;;)
            co_await stream.receive();
    } catch (boost::system::system_error const& end) {
        if (end.code() == asio::error::operation_aborted) throw; // the time is over
    }
}

void print(millipede::frame const& frame) {
    std::printf("command 0x%04x, %zu bytes of data:", static_cast<unsigned>(frame.command),
                frame.data().size());
    for (auto byte : frame.data())
        std::printf(" %02x", std::to_integer<unsigned>(byte));
    std::printf("\n");
    std::fflush(stdout);
}

} // namespace

asio::awaitable<void> login(client_settings const& settings) {
    auto stream = co_await open(settings);
    co_await log_in(stream, settings);
    std::cout << "logged in as " << settings.uid << std::endl;
    if (settings.hold == std::chrono::milliseconds::zero()) co_return;
    auto ended = co_await (end_of(stream) || pause(settings.hold));
    if (ended.index() == 0) throw std::runtime_error{"hold: the server ended the connection"};
    std::cout << "held for " << settings.hold.count() << " ms" << std::endl;
}

asio::awaitable<void> send(client_settings const& settings) {
    auto stream = co_await open(settings);
    co_await stream.send(settings.command, settings.data);
    print(co_await within(settings.timeout, "reply", stream.receive()));
}

asio::awaitable<void> watch(client_settings const& settings) {
    auto stream = co_await open(settings);
    co_await log_in(stream, settings);
    for (;;) {
        try {
            print(co_await stream.receive());
        } catch (boost::system::system_error const& end) {
            if (end.code() == asio::error::eof) co_return;
            throw;
        }
    }
}
