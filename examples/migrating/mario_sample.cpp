// SPDX-License-Identifier: BSL-1.0
// MarioTCP's sample in its own five steps, with what its tutorial adds, on Millipede: each call of
// the original has its like here (docs/migrating.md).
//
//     example-mario-sample 127.0.0.1:8082
#include <millipede/server.hpp>

#include <chrono>
#include <cstdint>
#include <exception>
#include <iostream>
#include <string>
#include <utility>

using namespace std::chrono_literals;
using millipede::close_reason;
using millipede::error_code;

// CMD_FUNCTION_LOGIN with LOGIN_REQ and LOGIN_RSP, of protocol.h ...
struct login_request {
    static constexpr std::uint16_t command = 0x6101;
    boost::endian::little_uint16_t uid;
};
struct login_response {
    static constexpr std::uint16_t command = 0x6101;
};
// ... and what the tutorial adds.
constexpr std::uint16_t say_hello = 0x6111;

struct visitor { // what c->user would point to
    bool logged_in = false;
};

int main(int argc, char** argv) {
    std::string place = argc > 1 ? argv[1] : "127.0.0.1:8082";
    try {
        // 1. init_server(), regist_stx()
        millipede::options limits{.listen = {place},
                                  .workers = 4,
                                  .connections_per_worker = 1024,
                                  .idle_timeout = 8s,
                                  .write_timeout = 8s};
        millipede::frame_codec codec{{.magic = 0x8eb69af7, .size_max = 1500, .skip_crlf = true}};
        millipede::server<visitor> server{limits, codec};
        millipede::per_worker<std::int64_t> online{server}; // REPORT

        // 2. regist_akg_func(), regist_disconnected_func()
        server.on<login_request>([&](auto& connection, login_request const&) {
            if (!std::exchange(connection->logged_in, true)) ++online[connection];
            connection.send(login_response{});
        });
        server.on(say_hello, [](auto& connection, millipede::frame const&) {
            connection.send(say_hello, millipede::as_bytes("hello"));
        });
        server.on_close([&](auto& connection, error_code const& reason) {
            if (reason == close_reason::timeout) // regist_timeout_func() would have been called
                log(millipede::debug) << connection.peer_name() << " was silent for too long";
            if (connection->logged_in) --online[connection];
        });

        // 3. start_collect_thread(); start_log_thread() is not needed
        server.every(1min, [&] { log(millipede::info) << "online number: " << online.sum(); });

        // 4. start_server()
        server.start();
        std::cout << "listening on " << server.endpoints().at(0) << std::endl;
        server.run(); // until SIGINT or SIGTERM
        return 0;
    } catch (std::exception const& failure) { // 5. what init_server() == NULL would have hidden
        std::cerr << "example-mario-sample: " << failure.what() << '\n';
        return 2;
    }
}
