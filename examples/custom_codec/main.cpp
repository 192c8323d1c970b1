// SPDX-License-Identifier: BSL-1.0
// A codec of your own, in two functions and a type (netstring.hpp), and a server that speaks it:
//
//     example-custom-codec 127.0.0.1:8090
//     printf '5:world,' | nc -q1 127.0.0.1 8090        answers 13:Hello, world!,
#include "netstring.hpp"

#include <millipede/server.hpp>

#include <exception>
#include <iostream>

int main(int argc, char** argv) {
    try {
        std::string place = argc > 1 ? argv[1] : "127.0.0.1:8090";
        millipede::server<millipede::no_session, netstring_codec> server{{.listen = {place}}};
        server.on_message([](auto& connection, std::string_view name) {
            connection.send("Hello, " + std::string{name} + "!");
        });
        server.start();
        std::cout << "listening on " << server.places().at(0) << std::endl;
        server.run();
        return 0;
    } catch (std::exception const& failure) {
        std::cerr << "example-custom-codec: " << failure.what() << '\n';
        return 2;
    }
}
