// SPDX-License-Identifier: BSL-1.0
// One service at two places: in the clear for this machine, over TLS for everybody else.
//
//     openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes
//         -days 30 -subj /CN=localhost -keyout key.pem -out chain.pem
//     example-tls 127.0.0.1:8090 127.0.0.1:8443 chain.pem key.pem
//
// SIGHUP makes it read the files again: newcomers get the new certificate, nobody is dropped.
#include <millipede/server.hpp>

#include <cstdint>
#include <exception>
#include <iostream>

inline constexpr std::uint16_t whisper = 0x6105; // comes back as it was sent

int main(int argc, char** argv) {
    if (argc != 5) {
        std::cerr << "usage: example-tls PLAIN-ENDPOINT TLS-ENDPOINT CERTIFICATES KEY\n";
        return 2;
    }
    try {
        millipede::listen_options secure{argv[2]};
        secure.tls =
            millipede::tls_options{.certificate_file = argv[3], .private_key_file = argv[4]};
        millipede::server<> server{{.listen = {argv[1], secure}}};

        server.on(whisper, [](auto& connection, millipede::frame const& message) {
            connection.send(message);
        });

        server.start();
        for (auto const& endpoint : server.endpoints())
            std::cout << "listening on " << endpoint << std::endl;
        server.run();
        return 0;
    } catch (std::exception const& failure) {
        std::cerr << "example-tls: " << failure.what() << '\n';
        return 2;
    }
}
