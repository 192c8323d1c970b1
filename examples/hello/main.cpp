// SPDX-License-Identifier: BSL-1.0
// A service of one message: who says who it is is greeted by name.
//
//     example-hello 127.0.0.1:8090
#include <millipede/server.hpp>

#include <algorithm>
#include <cstdint>
#include <exception>
#include <iostream>
#include <string>

struct say_hello { // from the client; the reply has the same command, and text as data
    static constexpr std::uint16_t command = 0x6111;
    char name[16];
};

int main(int argc, char** argv) {
    try {
        std::string place = argc > 1 ? argv[1] : "127.0.0.1:8090";
        millipede::server<> server{{.listen = {place}}};

        server.on<say_hello>([](auto& connection, say_hello const& message) {
            std::string name{message.name, std::find(message.name, std::end(message.name), '\0')};
            connection.send(say_hello::command, millipede::as_bytes("hello, " + name));
        });

        server.start();
        std::cout << "listening on " << server.endpoints().at(0) << std::endl;
        server.run(); // until SIGINT or SIGTERM
        return 0;
    } catch (std::exception const& failure) {
        std::cerr << "example-hello: " << failure.what() << '\n';
        return 2;
    }
}
