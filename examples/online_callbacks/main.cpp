// SPDX-License-Identifier: BSL-1.0
// The online-count service with callbacks: who is logged in, in one number. Beside it stands its
// like with a coroutine per connection, ../online_coroutine.
//
//     example-online-callbacks 127.0.0.1:8090
#include <millipede/server.hpp>

#include <chrono>
#include <cstdint>
#include <exception>
#include <iostream>
#include <string>
#include <utility>

struct login {
    static constexpr std::uint16_t command = 0x6101;
    boost::endian::little_uint16_t uid;
};
struct login_done {
    static constexpr std::uint16_t command = 0x6101;
};
struct how_many { // asks for the number, and is its answer
    static constexpr std::uint16_t command = 0x6104;
};
struct so_many {
    static constexpr std::uint16_t command = 0x6104;
    boost::endian::little_int64_t online;
};

// What MarioTCP's tutorial adds to its sample: a message, and three lines below.
struct say_hello {
    static constexpr std::uint16_t command = 0x6111;
};

struct visitor { // lives in the connection's preallocated slot
    bool logged_in = false;
};

int main(int argc, char** argv) {
    try {
        std::string place = argc > 1 ? argv[1] : "127.0.0.1:8090";
        millipede::server<visitor> server{{.listen = {place}}};
        millipede::per_worker<std::int64_t> online{server}; // counts without locks

        server.on<login>([&](auto& connection, login const&) {
            if (!std::exchange(connection->logged_in, true)) ++online[connection];
            connection.send(login_done{});
        });
        server.on<how_many>([&](auto& connection, how_many const&) {
            connection.send(so_many{.online = online.sum()});
        });
        server.on<say_hello>([](auto& connection, say_hello const&) {
            connection.send(say_hello::command, millipede::as_bytes("hello"));
        });
        server.on_close([&](auto& connection, millipede::error_code const&) {
            if (connection->logged_in) --online[connection];
        });
        server.every(std::chrono::minutes{1},
                     [&] { log(millipede::info) << "online: " << online.sum(); });

        server.start();
        std::cout << "listening on " << server.endpoints().at(0) << std::endl;
        server.run();
        return 0;
    } catch (std::exception const& failure) {
        std::cerr << "example-online-callbacks: " << failure.what() << '\n';
        return 2;
    }
}
