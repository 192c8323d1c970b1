// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "support/wait.hpp"
#include "support/wire.hpp"

#include <millipede/client.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/endian/arithmetic.hpp>
#include <boost/test/unit_test.hpp>

#include <chrono>
#include <cstddef>
#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace test {

using boost::asio::awaitable;
using boost::asio::use_awaitable;
using boost::asio::ip::tcp;
using boost::system::error_code;

/// The messages of the tests.
struct login_done {
    static constexpr std::uint16_t command = 0x6101;
};
struct login {
    static constexpr std::uint16_t command = 0x6101;
    using reply_type = login_done;
    boost::endian::little_uint16_t uid;
};
struct question {
    static constexpr std::uint16_t command = 1;
    boost::endian::little_uint32_t number;
};
struct answer {
    static constexpr std::uint16_t command = 2;
    boost::endian::little_uint32_t number;
};
struct news {
    static constexpr std::uint16_t command = 3;
    boost::endian::little_uint32_t number;
};

/// One client's connection as a server sees it: written by the specification, on Asio alone.
class scripted_connection {
  public:
    explicit scripted_connection(tcp::socket socket) : socket_{std::move(socket)} {}

    /// The next whole frame; empty at the end of the stream, whatever ended it.
    awaitable<std::string> read_frame() {
        error_code code;
        std::string head(8, '\0');
        co_await boost::asio::async_read(socket_, boost::asio::buffer(head),
                                         boost::asio::redirect_error(use_awaitable, code));
        if (code) co_return std::string{};
        auto size = static_cast<std::size_t>(little(std::string_view{head}.substr(4, 2)));
        std::string data(size - 8, '\0');
        co_await boost::asio::async_read(socket_, boost::asio::buffer(data),
                                         boost::asio::redirect_error(use_awaitable, code));
        co_return code ? std::string{} : head + data;
    }
    awaitable<void> write(std::string bytes) {
        error_code ignored;
        co_await boost::asio::async_write(socket_, boost::asio::buffer(bytes),
                                          boost::asio::redirect_error(use_awaitable, ignored));
    }
    /// Reads and forgets until the client ends.
    awaitable<void> read_to_end() {
        for (;;) { // g++ 12 makes nothing good of an await in the loop's condition
            auto got = co_await read_frame();
            if (got.empty()) co_return;
        }
    }
    tcp::socket& socket() { return socket_; }

  private:
    tcp::socket socket_;
};

inline awaitable<void> pause(std::chrono::milliseconds time) {
    boost::asio::steady_timer timer{co_await boost::asio::this_coro::executor, time};
    co_await timer.async_wait(use_awaitable);
}

/// An io_context that runs on the test's own thread, and a server on it that plays a script.
struct client_bench {
    boost::asio::io_context context{1};
    tcp::acceptor acceptor{context, tcp::endpoint{boost::asio::ip::address_v4::loopback(), 0}};
    std::size_t accepted = 0;

    tcp::endpoint endpoint() const { return acceptor.local_endpoint(); }

    /// Plays `script(connection, index) -> awaitable<void>` with everybody who connects; the
    /// connection ends with the script.
    template <class Script>
    void serve(Script script) {
        boost::asio::co_spawn(context, accept(std::move(script)), boost::asio::detached);
    }

    /// Runs everything until `condition()` holds; whether it came to hold.
    template <class Condition>
    bool run_until(Condition condition, std::chrono::milliseconds deadline = patience) {
        auto end = std::chrono::steady_clock::now() + deadline;
        while (!condition()) {
            if (std::chrono::steady_clock::now() > end) return false;
            if (context.stopped()) context.restart();
            context.run_one_for(std::chrono::milliseconds{20});
        }
        return true;
    }
    void run_for(std::chrono::milliseconds time) {
        run_until([] { return false; }, time);
    }

    /// Plays the test's own part, a coroutine, to its end.
    template <class Part>
    void play(Part part) {
        bool over = false;
        std::exception_ptr failure;
        boost::asio::co_spawn(context, part(), [&](std::exception_ptr thrown) {
            over = true;
            failure = thrown;
        });
        BOOST_REQUIRE(run_until([&] { return over; }));
        if (failure) std::rethrow_exception(failure);
    }

  private:
    template <class Script>
    awaitable<void> accept(Script script) {
        for (;;) {
            auto socket = co_await acceptor.async_accept(use_awaitable);
            boost::asio::co_spawn(context, run(script, std::move(socket), accepted++),
                                  boost::asio::detached);
        }
    }
    template <class Script>
    static awaitable<void> run(Script script, tcp::socket socket, std::size_t index) {
        scripted_connection connection{std::move(socket)};
        co_await script(connection, index);
    }
};

/// Answers every question with its number, logins, and 0x6102 with itself.
inline awaitable<void> answer_all(scripted_connection& connection) {
    for (;;) {
        auto got = co_await connection.read_frame();
        if (got.empty()) co_return;
        auto command = little(std::string_view{got}.substr(6, 2));
        if (command == question::command)
            co_await connection.write(frame(answer::command, got.substr(8)));
        else if (command == login::command)
            co_await connection.write(frame(login::command));
        else
            co_await connection.write(got);
    }
}

/// What an operation came to, as a callback sees it.
struct outcome {
    int calls = 0;
    error_code code{};
    std::uint32_t number = 0;

    bool over() const { return calls != 0; }
    auto done() {
        return [this](error_code why) {
            ++calls;
            code = why;
        };
    }
    auto answered() {
        return [this](error_code why, answer const& got) {
            ++calls;
            code = why;
            number = got.number;
        };
    }
};

} // namespace test
