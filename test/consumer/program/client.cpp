// SPDX-License-Identifier: BSL-1.0
// A server and a client of one's own: one frame, and the answer to it. With three arguments (a
// certificate's file, its key's, and a name that it is for) they talk TLS.
#include <millipede/client.hpp>
#include <millipede/server.hpp>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/endian/arithmetic.hpp>

#include <cstdint>
#include <iostream>
#include <string>
#include <thread>

namespace {

struct doubled {
    static constexpr std::uint16_t command = 0x6201;
    boost::endian::little_uint32_t number;
};
struct number {
    static constexpr std::uint16_t command = 0x6201;
    using reply_type = doubled;
    boost::endian::little_uint32_t value;
};

std::uint32_t ask(millipede::client_options options, std::string const& port) {
    boost::asio::io_context context{1};
    auto work = boost::asio::make_work_guard(context);
    std::thread running{[&] { context.run(); }};
    std::uint32_t answer = 0;
    {
        millipede::client client{context, std::move(options)};
        millipede::error_code code;
        client.connect("127.0.0.1", port, code);
        if (!code) answer = client.request(number{21}, code).number;
        if (code) std::cerr << "consumer: " << code.message() << '\n';
        context.stop();
        running.join();
    }
    return answer;
}

} // namespace

int main(int count, char** arguments) {
    millipede::listen_options where{"127.0.0.1:0"};
    millipede::client_options options;
    bool const secure = count == 4;
    if (secure) {
        where.tls = millipede::tls_options{.certificate_file = arguments[1],
                                           .private_key_file = arguments[2]};
        options.tls = millipede::client_tls{{.ca_file = arguments[1], .server_name = arguments[3]}};
    }
    millipede::server<> server{{.listen = {where}, .workers = 1}};
    server.on<number>(
        [](auto& connection, number const& asked) { connection.send(doubled{asked.value * 2}); });
    server.start();
    std::thread running{[&] { server.run(); }};
    auto const answer = ask(std::move(options), std::to_string(server.endpoints().at(0).port()));
    server.stop();
    running.join();
    if (answer != 42) return 1;
    std::cout << (secure ? "tls" : "client") << ": answered\n";
}
