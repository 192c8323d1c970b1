// SPDX-License-Identifier: BSL-1.0
// A client of millipede-online that stays: it logs in, asks once a second, prints what it is told
// without asking, and when its connection ends comes back and logs in again.
//
// Usage: example-client HOST PORT UID; ends on SIGINT or SIGTERM.
#include <millipede/client.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/endian/arithmetic.hpp>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <iostream>

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using asio::use_awaitable;
using millipede::client;
using millipede::client_state;
using millipede::error_code;

// What is said, as docs/protocol.md has it. A request names the type of its reply.
struct login_done {
    static constexpr std::uint16_t command = 0x6101;
};
struct login {
    static constexpr std::uint16_t command = 0x6101;
    using reply_type = login_done;
    boost::endian::little_uint16_t uid;
};
struct count { // an echo: comes back as it is
    static constexpr std::uint16_t command = 0x6102;
    using reply_type = count;
    boost::endian::little_uint32_t number;
};
// How a server that drains says goodbye, if it does: when to come back.
struct goodbye {
    static constexpr std::uint16_t command = 0x6110;
    boost::endian::little_uint32_t come_back_after_milliseconds;
};

millipede::client_options wanted() {
    return {.heartbeat_interval = 30s, // a server that is gone is noticed within 35 seconds
            .reconnect = millipede::reconnect_options{.from_the_start = true}};
}

// Requests fail when the connection ends; the next one waits for the next connection.
asio::awaitable<void> ask_once_a_second(client& server) {
    asio::steady_timer pause{co_await asio::this_coro::executor};
    for (std::uint32_t number = 1;; ++number) {
        auto [code, reply] =
            co_await server.async_request(count{number}, asio::as_tuple(use_awaitable));
        if (code == asio::error::operation_aborted) co_return; // closed
        if (code)
            std::cout << "question " << number << ": " << code.message() << std::endl;
        else
            std::cout << "answer " << reply.number << std::endl;
        pause.expires_after(1s);
        co_await pause.async_wait(use_awaitable);
    }
}

void run(std::string const& host, std::string const& port, std::uint16_t uid) {
    asio::io_context context{1};
    client server{context, wanted()};

    // Every connection begins with this, before anything else is sent.
    server.on_connected([uid](auto& connection) -> asio::awaitable<void> {
        co_await connection.async_request(login{uid}, use_awaitable);
        std::cout << "logged in as " << uid << std::endl;
    });
    server.on<goodbye>([&](goodbye const& said) {
        server.come_back_after(std::chrono::milliseconds{said.come_back_after_milliseconds});
    });
    server.on_message([](millipede::frame const& push) {
        std::cout << "command " << push.command << ": " << push.data().size() << " bytes"
                  << std::endl;
    });
    server.on_state([](client_state state, error_code const& why) {
        std::cout << to_string(state) << (why ? ": " + why.message() : "") << std::endl;
    });

    asio::signal_set signals{context, SIGINT, SIGTERM};
    signals.async_wait([&](error_code const&, int) {
        server.close();
        context.stop();
    });
    server.async_connect(host, port, asio::detached);
    asio::co_spawn(context, ask_once_a_second(server), [](std::exception_ptr failure) {
        if (failure) std::rethrow_exception(failure);
    });
    context.run();
}

} // namespace

int main(int argc, char** argv) {
    if (argc != 4) {
        std::cerr << "usage: example-client HOST PORT UID\n";
        return 2;
    }
    try {
        run(argv[1], argv[2], static_cast<std::uint16_t>(std::atoi(argv[3])));
        return 0;
    } catch (std::exception const& failure) {
        std::cerr << "example-client: " << failure.what() << '\n';
        return 1;
    }
}
