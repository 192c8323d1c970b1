// SPDX-License-Identifier: BSL-1.0
// A server of one's own with an admin endpoint, which is asked how it is.
#include <millipede/admin.hpp>
#include <millipede/server.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>

#include <iostream>
#include <string>
#include <thread>

namespace {

namespace asio = boost::asio;

std::string first_line(asio::ip::tcp::endpoint const& where) {
    asio::io_context context;
    asio::ip::tcp::socket socket{context};
    socket.connect(where);
    std::string const request = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    asio::write(socket, asio::buffer(request));
    std::string answer;
    asio::read_until(socket, asio::dynamic_buffer(answer), "\r\n");
    return answer.substr(0, answer.find('\r'));
}

} // namespace

int main() {
    millipede::server<> server{{.listen = {"127.0.0.1:0"}, .workers = 1}};
    millipede::admin_endpoint admin{server, {.endpoint = "127.0.0.1:0"}};
    auto const where = admin.local_endpoint();
    server.start();
    std::thread running{[&] { server.run(); }};
    auto const line = first_line(where);
    server.stop();
    running.join();
    std::cout << (line == "HTTP/1.1 200 OK" ? "admin: answered" : line) << '\n';
    return line == "HTTP/1.1 200 OK" ? 0 : 1;
}
