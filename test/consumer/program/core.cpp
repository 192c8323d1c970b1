// SPDX-License-Identifier: BSL-1.0
// A server of one's own, talked to by a plain socket. Then what has to come across the border of a
// shared library unharmed: exceptions by their type, errors by their category.
#include <millipede/server.hpp>
#include <millipede/wire/line.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

#include <cstdlib>
#include <iostream>
#include <string>
#include <thread>

namespace {

namespace asio = boost::asio;

void require(bool holds, char const* what) {
    if (holds) return;
    std::cerr << "consumer-core: " << what << '\n';
    std::exit(1);
}

template <class Exception, class Function>
bool throws(Function function) {
    try {
        function();
    } catch (Exception const&) {
        return true;
    } catch (...) {
    }
    return false;
}

std::string one_line(asio::ip::tcp::endpoint const& where) {
    asio::io_context context;
    asio::ip::tcp::socket socket{context};
    socket.connect(where);
    asio::write(socket, asio::buffer("hello\n", 6));
    std::string answer(6, '\0');
    asio::read(socket, asio::buffer(answer));
    return answer;
}

} // namespace

int main() {
    using line_server = millipede::server<millipede::no_session, millipede::line_codec>;
    line_server server{{.listen = {"127.0.0.1:0"}, .workers = 1}};
    server.on_message([](auto& connection, auto const& line) { connection.send(line); });
    server.start();
    std::thread running{[&] { server.run(); }};
    auto const answer = one_line(server.endpoints().at(0));

    auto const taken = server.places().at(0);
    require(throws<millipede::listen_error>(
                [&] { line_server{{.listen = {taken}, .workers = 1}}.start(); }),
            "no listen_error for an endpoint in use");
    require(throws<millipede::invalid_option>([] { line_server{{.listen = {"nowhere"}}}; }),
            "no invalid_option for a place that is none");
    millipede::error_code const code = millipede::errc::idle_timeout;
    require(code == millipede::close_reason::timeout, "an error is not of its kind");

    server.stop();
    running.join();
    require(answer == "hello\n", "another answer");
    std::cout << "core: answered\n";
}
