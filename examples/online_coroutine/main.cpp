// SPDX-License-Identifier: BSL-1.0
// The online-count server with a coroutine per connection: who is logged in, in one number. It
// speaks as server/online does, but wants the login first.
//
//     example-online-coroutine --listen 127.0.0.1:8082
#include <millipede/server.hpp>

#include <chrono>
#include <cstdint>
#include <exception>
#include <iostream>
#include <string_view>

namespace {

using namespace millipede;
using boost::asio::awaitable;

struct login_request {
    static constexpr std::uint16_t command = 0x6101;
    boost::endian::little_uint16_t uid;
};
struct login_reply {
    static constexpr std::uint16_t command = 0x6101;
};
constexpr std::uint16_t echo_command = 0x6102;

// Is counted as long as it lives.
class online_visitor {
  public:
    online_visitor(per_worker<std::int64_t>& online, conversation<> const& peer)
        : count_{&online[peer]} {
        ++*count_;
    }
    ~online_visitor() { --*count_; }
    online_visitor(online_visitor const&) = delete;
    online_visitor& operator=(online_visitor const&) = delete;

  private:
    single_writer<std::int64_t>* count_;
};

// Who says anything before the login, or anything but a login or an echo after it, is sent away.
// What ends the connection (the peer, a timeout, the server's end) leaves as an exception.
awaitable<void> serve(conversation<> peer, per_worker<std::int64_t>& online) {
    co_await peer.async_receive<login_request>();
    online_visitor here{online, peer};
    co_await peer.async_send(login_reply{});
    for (;;) {
        auto message = co_await peer.async_receive();
        if (message.command == login_request::command)
            co_await peer.async_send(login_reply{});
        else if (message.command == echo_command)
            co_await peer.async_send(message);
        else
            co_return peer.close(errc::unknown_command);
    }
}

} // namespace

int main(int argc, char** argv) {
    try {
        bool named = argc == 3 && std::string_view{argv[1]} == "--listen";
        options wanted{.listen = {named ? argv[2] : "127.0.0.1:8082"}, .workers = 2};
        // Before the server, which destroys coroutines that refuse to end.
        per_worker<std::int64_t> online{wanted.workers};
        server<> server{std::move(wanted)};

        server.on_connection([&](conversation<> peer) { return serve(std::move(peer), online); });
        server.every(std::chrono::seconds{1},
                     [&] { log(info) << "online number: " << online.sum(); });
        server.start();
        for (auto const& endpoint : server.endpoints())
            std::cout << "listening on " << endpoint << std::endl;
        server.run();
        log(info) << "online number: " << online.sum();
    } catch (std::exception const& failure) {
        std::cerr << failure.what() << '\n';
        return 2;
    }
}
