// SPDX-License-Identifier: BSL-1.0
// The floor of giving a message to HTTP subscribers by a call for each: one thread, level-triggered
// epoll, one channel whatever its name, and nothing kept but who listens and the rest of a request.
#include "common/acceptor.hpp"
#include "common/descriptor.hpp"
#include "common/listener.hpp"
#include "common/program.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sys/epoll.h>
#include <sys/socket.h>

namespace {

constexpr std::size_t request_bytes_max = 8'192;
constexpr std::uint32_t nowhere = UINT32_MAX;

enum transport : std::uint8_t { poll, stream, sse, transports };

struct connection {
    std::string request;           // what has come of one that is not yet whole
    std::uint32_t place = nowhere; // among those who listen
    transport how = poll;
    bool open = false;
};

// Of a query, decoded; empty: it is not there.
std::string parameter(std::string_view query, std::string_view name) {
    while (!query.empty()) {
        auto const field = query.substr(0, query.find('&'));
        query.remove_prefix(std::min(field.size() + 1, query.size()));
        if (!field.starts_with(name) || field.substr(name.size(), 1) != "=") continue;
        std::string value;
        for (auto text = field.substr(name.size() + 1); !text.empty(); text.remove_prefix(1)) {
            unsigned letter = static_cast<unsigned char>(text.front());
            if (letter == '+') letter = ' ';
            if (letter == '%' && text.size() > 2) {
                std::from_chars(text.data() + 1, text.data() + 3, letter, 16);
                text.remove_prefix(2);
            }
            value += static_cast<char>(letter);
        }
        return value;
    }
    return {};
}

std::string quoted(std::string_view text) {
    std::string result{"\""};
    for (auto const letter : text) {
        if (letter == '"' || letter == '\\') result += '\\';
        result += static_cast<unsigned char>(letter) < ' ' ? ' ' : letter;
    }
    return result + '"';
}

std::string whole_reply(std::string_view body) {
    return "HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\n"
           "Cache-Control: no-cache\r\nContent-Length: " +
           std::to_string(body.size()) + "\r\n\r\n" + std::string{body};
}

std::string chunk(std::string_view body) {
    std::array<char, 16> size{};
    auto const end = std::to_chars(size.data(), size.data() + size.size(), body.size(), 16).ptr;
    return std::string{size.data(), end} + "\r\n" + std::string{body} + "\r\n";
}

class comet {
  public:
    comet(int listener, int stop) : listener_{listener}, stop_{stop} {
        watch(listener);
        watch(stop);
    }
    comet(comet const&) = delete;
    comet& operator=(comet const&) = delete;
    ~comet() {
        for (std::size_t socket = 0; socket < connections_.size(); ++socket)
            if (connections_[socket].open) ::close(static_cast<int>(socket));
    }

    void run() {
        std::array<epoll_event, 512> events;
        for (;;) {
            auto const count = ::epoll_wait(epoll_set_.get(), events.data(), events.size(), -1);
            for (int position = 0; position < count; ++position) {
                auto const socket = events[static_cast<std::size_t>(position)].data.fd;
                if (socket == stop_) return;
                if (socket == listener_)
                    accept();
                else if (connection_of(socket).open) // else dropped earlier in this batch
                    receive(socket);
            }
        }
    }

  private:
    void watch(int descriptor) {
        epoll_event event{.events = EPOLLIN, .data = {.fd = descriptor}};
        auto const result = ::epoll_ctl(epoll_set_.get(), EPOLL_CTL_ADD, descriptor, &event);
        peers::checked(result, "epoll_ctl");
    }

    connection& connection_of(int socket) { return connections_[static_cast<std::size_t>(socket)]; }

    void accept() {
        int socket = -1;
        while ((socket = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK)) >= 0) {
            auto const number = static_cast<std::size_t>(socket);
            if (connections_.size() <= number) connections_.resize(number + 1);
            connections_[number].open = true;
            watch(socket);
        }
    }

    void drop(int socket) {
        stop_listening(socket);
        connection_of(socket) = connection{};
        ::close(socket);
    }

    void listen(int socket, transport how) {
        auto& one = connection_of(socket);
        one.how = how;
        one.place = static_cast<std::uint32_t>(listening_[how].size());
        listening_[how].push_back(socket);
    }

    void stop_listening(int socket) {
        auto& one = connection_of(socket);
        if (one.place == nowhere) return;
        auto& places = listening_[one.how];
        places[one.place] = places.back();
        connection_of(places.back()).place = one.place;
        places.pop_back();
        one.place = nowhere;
    }

    // Who does not take all of it at once is too slow for this server.
    void send(int socket, std::string_view bytes) {
        auto const sent = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent != static_cast<::ssize_t>(bytes.size())) drop(socket);
    }

    void receive(int socket) {
        auto const size = ::recv(socket, buffer_.data(), buffer_.size(), 0);
        if (size < 0 && errno == EAGAIN) return;
        auto& one = connection_of(socket);
        if (size <= 0 || one.place != nowhere) return drop(socket); // nobody asks twice at a time
        std::string_view const piece{buffer_.data(), static_cast<std::size_t>(size)};
        if (one.request.empty() && piece.ends_with("\r\n\r\n")) return serve(socket, piece);
        one.request += piece;
        if (one.request.size() > request_bytes_max) return drop(socket);
        if (!one.request.ends_with("\r\n\r\n")) return;
        auto const request = std::exchange(one.request, {});
        serve(socket, request);
    }

    void serve(int socket, std::string_view request) {
        if (!request.starts_with("GET /")) return drop(socket);
        auto const target = request.substr(4, request.find_first_of(" \r", 4) - 4);
        auto const path = target.substr(0, target.find('?'));
        if (path == "/sub") return listen(socket, poll);
        if (path == "/stream") return begin_stream(socket, stream, "application/json");
        if (path == "/sse") return begin_stream(socket, sse, "text/event-stream");
        if (path == "/push") return push(socket, target.substr(path.size()));
        if (path == "/info") {
            auto const count =
                listening_[poll].size() + listening_[stream].size() + listening_[sse].size();
            return send(socket, whole_reply("{\"subscribers\":" + std::to_string(count) + "}\n"));
        }
        send(socket, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    }

    void begin_stream(int socket, transport how, std::string const& type) {
        listen(socket, how);
        send(socket, "HTTP/1.1 200 OK\r\nContent-Type: " + type +
                         "; charset=utf-8\r\nCache-Control: no-cache\r\n"
                         "Transfer-Encoding: chunked\r\n\r\n");
    }

    void push(int publisher, std::string_view query) {
        query.remove_prefix(std::min<std::size_t>(1, query.size()));
        auto const message = "{\"type\":\"data\",\"cname\":" + quoted(parameter(query, "cname")) +
                             ",\"seq\":" + std::to_string(++sequence_) +
                             ",\"content\":" + quoted(parameter(query, "content")) + "}";
        send_all(poll, whole_reply(message + "\n"));
        send_all(stream, chunk(message + "\n"));
        send_all(sse, chunk("data: " + message + "\n\n"));
        send(publisher, whole_reply("{\"type\":\"ok\"}\n"));
    }

    // From the back: whoever leaves is replaced by one who has had it.
    void send_all(transport how, std::string_view bytes) {
        auto const& places = listening_[how];
        for (auto left = places.size(); left-- > 0;) {
            auto const socket = places[left];
            if (how == poll) stop_listening(socket);
            send(socket, bytes);
        }
    }

    int listener_;
    int stop_;
    peers::descriptor epoll_set_{peers::checked(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")};
    std::vector<connection> connections_; // by descriptor
    std::array<std::vector<int>, transports> listening_;
    std::array<char, 16'384> buffer_;
    std::int32_t sequence_ = 0;
};

void serve(peers::options const& settings) {
    auto const stop_signal = peers::make_stop_signal();
    auto const listener = peers::listen_on(settings.listen);
    comet server{listener.get(), stop_signal.get()};
    peers::announce(listener.get());
    server.run();
}

} // namespace

int main(int argument_count, char** arguments) {
    peers::subject const about{.name = "bench-raw-comet",
                               .purpose = "the floor of giving messages to HTTP subscribers; one "
                                          "thread, whatever --workers says"};
    return peers::run_program(about, argument_count, arguments, serve);
}
