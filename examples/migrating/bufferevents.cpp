// SPDX-License-Identifier: BSL-1.0
// The service of ../online_callbacks as one writes it on libevent: a bufferevent for each
// connection, one thread. It is there to be compared with (docs/migrating.md).
//
//     example-bufferevents 127.0.0.1:8090
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <event2/util.h>

#include <arpa/inet.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>
#include <unordered_map>

namespace {

struct frame_head { // in the machine's order: x86 has that of the wire
    std::uint32_t magic;
    std::uint16_t size;
    std::uint16_t command;
};
constexpr std::uint32_t frame_magic = 0x8eb69af7;
constexpr std::uint16_t login = 0x6101;
constexpr std::uint16_t how_many = 0x6104;

std::int64_t online = 0;

struct visitor {
    bool logged_in = false;
};
std::unordered_map<bufferevent*, visitor> visitors; // libevent does not know who is left at the end

void end(bufferevent* stream) {
    if (visitors.at(stream).logged_in) --online;
    visitors.erase(stream);
    ::bufferevent_free(stream);
}

void reply(bufferevent* stream, std::uint16_t command, void const* data, std::size_t size) {
    frame_head head{frame_magic, static_cast<std::uint16_t>(sizeof head + size), command};
    ::bufferevent_write(stream, &head, sizeof head);
    if (size != 0) ::bufferevent_write(stream, data, size);
}

void on_input(bufferevent* stream, void* context) {
    auto* who = static_cast<visitor*>(context);
    auto* input = ::bufferevent_get_input(stream);
    frame_head head;
    while (::evbuffer_copyout(input, &head, sizeof head) == sizeof head) {
        if (head.magic != frame_magic || head.size < sizeof head) return end(stream);
        if (::evbuffer_get_length(input) < head.size) return;
        ::evbuffer_drain(input, head.size);
        auto data_size = head.size - sizeof head;
        if (head.command == login && data_size == 2) {
            if (!who->logged_in) ++online;
            who->logged_in = true;
            reply(stream, login, nullptr, 0);
        } else if (head.command == how_many && data_size == 0) {
            reply(stream, how_many, &online, sizeof online);
        } else {
            return end(stream); // with it go the replies that have not left
        }
    }
}

void on_event(bufferevent* stream, short, void*) { // end of stream, error, timeout
    end(stream);
}

void on_accept(evconnlistener* listener, evutil_socket_t socket, sockaddr*, int, void*) {
    auto* base = ::evconnlistener_get_base(listener);
    auto* stream = ::bufferevent_socket_new(base, socket, BEV_OPT_CLOSE_ON_FREE);
    if (!stream) {
        ::evutil_closesocket(socket);
        return;
    }
    timeval idle{300, 0};
    ::bufferevent_set_timeouts(stream, &idle, nullptr);
    ::bufferevent_setcb(stream, on_input, nullptr, on_event, &visitors[stream]);
    ::bufferevent_enable(stream, EV_READ);
}

} // namespace

int main(int argc, char** argv) {
    std::string place = argc > 1 ? argv[1] : "127.0.0.1:8090";
    auto colon = std::min(place.find(':'), place.size());
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(std::atoi(place.c_str() + colon + 1)));
    if (colon == place.size() ||
        ::inet_pton(AF_INET, place.substr(0, colon).c_str(), &address.sin_addr) != 1) {
        std::cerr << "example-bufferevents: '" << place << "' is not ADDR:PORT\n";
        return 2;
    }
    auto* any = reinterpret_cast<sockaddr*>(&address);
    auto* base = ::event_base_new();
    auto* listener = ::evconnlistener_new_bind(base, on_accept, nullptr,
                                               LEV_OPT_CLOSE_ON_FREE | LEV_OPT_REUSEABLE, -1, any,
                                               sizeof address);
    if (!listener) {
        std::cerr << "example-bufferevents: cannot listen on " << place << '\n';
        return 2;
    }
    auto stop = [](evutil_socket_t, short, void* context) {
        ::event_base_loopbreak(static_cast<event_base*>(context));
    };
    auto* terminated = evsignal_new(base, SIGTERM, stop, base);
    auto* interrupted = evsignal_new(base, SIGINT, stop, base);
    ::event_add(terminated, nullptr);
    ::event_add(interrupted, nullptr);
    auto size = static_cast<socklen_t>(sizeof address);
    ::getsockname(::evconnlistener_get_fd(listener), any, &size);
    std::cout << "listening on " << place.substr(0, colon) << ':' << ntohs(address.sin_port)
              << std::endl;
    ::event_base_dispatch(base);
    while (!visitors.empty())
        end(visitors.begin()->first);
    ::event_free(interrupted);
    ::event_free(terminated);
    ::evconnlistener_free(listener);
    ::event_base_free(base);
    return 0;
}
