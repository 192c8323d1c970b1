// SPDX-License-Identifier: BSL-1.0
// Connections that log in and then only listen: reads and counts what they are sent, until SIGTERM.
// Shares no code with the library.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <iostream>
#include <stdexcept>
#include <string>
#include <string_view>

namespace {

constexpr std::string_view login{"\xf7\x9a\xb6\x8e\x0a\x00\x01\x61\x07\x00", 10};
constexpr std::size_t login_reply_bytes = 8;

volatile sig_atomic_t ended = 0;

int checked(int result, char const* what) {
    if (result < 0) throw std::runtime_error{std::string{what} + ": " + std::strerror(errno)};
    return result;
}

std::uint32_t number_of(std::string_view text, std::uint32_t least, std::uint32_t most) {
    std::uint32_t number = 0;
    auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (code != std::errc{} || end != text.data() + text.size() || number < least || number > most)
        throw std::invalid_argument{"'" + std::string{text} + "' is not a number that fits"};
    return number;
}

sockaddr_in address_of(std::string_view text) {
    auto colon = text.rfind(':');
    sockaddr_in address{};
    address.sin_family = AF_INET;
    std::string host{text.substr(0, colon)};
    if (colon == text.npos || ::inet_pton(AF_INET, host.c_str(), &address.sin_addr) != 1)
        throw std::invalid_argument{"'" + std::string{text} + "' is not ADDR:PORT"};
    address.sin_port =
        htons(static_cast<std::uint16_t>(number_of(text.substr(colon + 1), 1, 65'535)));
    return address;
}

void connect_one(sockaddr_in const& address, int set) {
    int descriptor = checked(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
    checked(::connect(descriptor, reinterpret_cast<sockaddr const*>(&address), sizeof address),
            "connect");
    if (::send(descriptor, login.data(), login.size(), MSG_NOSIGNAL) != ssize_t{login.size()})
        throw std::runtime_error{"a login was not sent whole"};
    std::array<char, login_reply_bytes> reply{};
    if (::recv(descriptor, reply.data(), reply.size(), MSG_WAITALL) != ssize_t{reply.size()})
        throw std::runtime_error{"a login was not answered"};
    epoll_event event{.events = EPOLLIN, .data = {.fd = descriptor}};
    checked(::epoll_ctl(set, EPOLL_CTL_ADD, descriptor, &event), "epoll_ctl");
}

// The bytes that came until the end.
std::uint64_t listen_on(int set) {
    std::uint64_t bytes = 0;
    std::array<epoll_event, 256> events;
    std::array<char, 65'536> buffer;
    while (!ended) {
        int count = ::epoll_wait(set, events.data(), events.size(), -1);
        if (count < 0 && errno != EINTR) checked(count, "epoll_wait");
        for (int index = 0; index < count; ++index) {
            auto size = ::recv(events[static_cast<std::size_t>(index)].data.fd, buffer.data(),
                               buffer.size(), MSG_DONTWAIT);
            if (size <= 0) throw std::runtime_error{"a connection was lost"};
            bytes += static_cast<std::uint64_t>(size);
        }
    }
    return bytes;
}

void attend(sockaddr_in const& address, std::uint32_t connections) {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
    struct sigaction action {};
    action.sa_handler = [](int) { ended = 1; };
    ::sigaction(SIGTERM, &action, nullptr);
    int set = checked(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
    for (std::uint32_t count = 0; count < connections; ++count)
        connect_one(address, set);
    std::cout << "running " << connections << std::endl;
    std::cout << "{\"bytes\": " << listen_on(set) << "}" << std::endl;
}

} // namespace

int main(int argc, char** argv) {
    try {
        if (argc != 3) throw std::invalid_argument{"usage: bench-audience ADDR:PORT CONNECTIONS"};
        attend(address_of(argv[1]), number_of(argv[2], 1, 1'000'000));
    } catch (std::invalid_argument const& misuse) {
        std::cerr << "bench-audience: " << misuse.what() << '\n';
        return 2;
    } catch (std::exception const& failure) {
        std::cerr << "bench-audience: " << failure.what() << '\n';
        return 1;
    }
    return 0;
}
