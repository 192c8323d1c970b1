// SPDX-License-Identifier: BSL-1.0
#include <millipede/admin/http_server.hpp>

#include <millipede/admin/http_session.hpp>
#include <millipede/base/endpoint.hpp>
#include <millipede/process/heritage.hpp>

#include <boost/asio/buffer.hpp>

#include <unistd.h>

#include <exception>
#include <string_view>
#include <utility>

namespace millipede::detail {
namespace {

using namespace std::chrono_literals;

// Descriptors or memory have run out: others may leave meanwhile.
constexpr auto pause_after_failure = 100ms;

constexpr std::string_view too_many{"HTTP/1.1 503 Service Unavailable\r\n"
                                    "Content-Type: text/plain; charset=utf-8\r\n"
                                    "Content-Length: 21\r\n"
                                    "Retry-After: 1\r\n"
                                    "Connection: close\r\n\r\n"
                                    "too many connections\n"};

} // namespace

http_server::http_server(boost::asio::io_context& context, tcp::endpoint const& where,
                         http_limits limits)
    : acceptor_{context},
      heirloom_name_{"admin " + to_string(where)},
      pause_{context},
      limits_{limits} {
    try {
        int inherited = heritage::of_process().take(heirloom_name_);
        if (inherited >= 0)
            acceptor_.assign(where.protocol(), inherited);
        else
            open(where);
        local_endpoint_ = acceptor_.local_endpoint();
    } catch (boost::system::system_error const& failure) {
        throw listen_error{to_string(where), failure.code()};
    }
}

void http_server::open(tcp::endpoint const& where) {
    acceptor_.open(where.protocol());
    acceptor_.set_option(tcp::acceptor::reuse_address{true});
    acceptor_.bind(where);
    acceptor_.listen(); // many, so that whoever is too many is told so
}

void http_server::start(std::weak_ptr<http_site> site) {
    site_ = std::move(site);
    heritage::of_process().offer(heirloom_name_, acceptor_.native_handle(),
                                 [weak = weak_from_this()] {
                                     if (auto self = weak.lock()) self->leave();
                                 });
    accept();
}

// Another process may have the socket, too: then it leaves the reactor's epoll set only when it is
// taken out, which Asio does for what it releases, and not for what it closes.
void http_server::leave() noexcept {
    heritage::of_process().withdraw(heirloom_name_);
    pause_.cancel();
    error_code ignored;
    if (acceptor_.is_open()) ::close(acceptor_.release(ignored));
}

void http_server::close() noexcept {
    leave();
    for (auto* session : sessions_)
        session->cut();
}

// Nothing that is thrown here may reach the server's loop: it would end the server.
void http_server::accept() noexcept {
    try {
        acceptor_.async_accept([self = shared_from_this()](error_code code, tcp::socket socket) {
            self->accepted(code, std::move(socket));
        });
    } catch (std::exception const&) { // no memory
        accept_later();
    }
}

void http_server::accept_later() noexcept {
    try {
        pause_.expires_after(pause_after_failure);
        pause_.async_wait([self = shared_from_this()](error_code cancelled) {
            if (!cancelled && self->acceptor_.is_open()) self->accept();
        });
    } catch (std::exception const&) {
        // Not even for that: nobody is served here any more, and clients see it.
    }
}

void http_server::accepted(error_code code, tcp::socket socket) noexcept {
    if (!acceptor_.is_open()) return;
    try {
        if (!code && sessions_.size() >= limits_.connections_max)
            refuse(std::move(socket));
        else if (!code)
            std::make_shared<http_session>(shared_from_this(), std::move(socket))->start();
    } catch (std::exception const&) {
        // No memory: the newcomer is closed.
    }
    if (!code || code == boost::asio::error::connection_aborted)
        accept();
    else
        accept_later();
}

// At once or not at all: nobody waits for it.
void http_server::refuse(tcp::socket socket) {
    error_code ignored;
    socket.non_blocking(true, ignored);
    socket.write_some(boost::asio::buffer(too_many), ignored);
    socket.shutdown(tcp::socket::shutdown_send, ignored);
    if (auto site = site_.lock()) site->count_answer(503);
}

bool http_server::take_stream() noexcept {
    if (streams_ >= limits_.streams_max) return false;
    ++streams_;
    return true;
}

} // namespace millipede::detail
