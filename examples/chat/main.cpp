// SPDX-License-Identifier: BSL-1.0
// Chat rooms. A client joins a room by its name, says something to all who are in it, and leaves.
// Frames, as docs/protocol.md has them, with text as data:
//
//     0x6201 join    the room's name, 1 to 64 bytes; leaves the room that it was in
//     0x6202 say     a line, up to 1,000 bytes
//     0x6203 leave   nothing
//     0x6204 heard   from the server: "7: hello"; 7 is who said it
//     0x6205 notice  from the server: "7 has joined", "7 has left", "you are in no room"
#include <millipede/server.hpp>

#include <atomic>
#include <cstdint>
#include <exception>
#include <iostream>
#include <string>
#include <string_view>

namespace {

using namespace millipede;

constexpr std::uint16_t join_command = 0x6201;
constexpr std::uint16_t say_command = 0x6202;
constexpr std::uint16_t leave_command = 0x6203;
constexpr std::uint16_t heard_command = 0x6204;
constexpr std::uint16_t notice_command = 0x6205;

constexpr std::size_t name_max = 64;
constexpr std::size_t line_max = 1'000;

struct guest { // lives in the connection's slot
    std::uint64_t number = 0;
    group room;
};

std::string text_of(frame const& received) {
    auto data = received.data();
    return {reinterpret_cast<char const*>(data.data()), data.size()};
}

class chat {
  public:
    explicit chat(options wanted) : server_{std::move(wanted)} {
        server_.on_open([this](auto& connection) { connection->number = ++guests_; });
        server_.on(join_command, [this](auto& connection, frame const& name) {
            if (name.data().empty() || name.data().size() > name_max)
                return connection.close(errc::bad_message);
            leave(connection);
            connection->room = server_.group_named(text_of(name));
            // What one thread asks for is done in its order: who joins hears of it.
            server_.join(connection->room, connection);
            tell(connection->room, notice_command, number_of(connection) + " has joined");
        });
        server_.on(say_command, [this](auto& connection, frame const& line) {
            if (line.data().size() > line_max) return connection.close(errc::bad_message);
            if (!connection->room)
                connection.send(notice_command, as_bytes("you are in no room"));
            else
                tell(connection->room, heard_command, number_of(connection) + ": " + text_of(line));
        });
        server_.on(leave_command, [this](auto& connection, frame const&) { leave(connection); });
        // Who ends has left its room by itself. The others want to know.
        server_.on_close([this](auto& connection, error_code const&) { leave(connection); });
    }

    void run() {
        server_.start();
        for (auto const& endpoint : server_.endpoints())
            std::cout << "listening on " << endpoint << std::endl;
        server_.run();
    }

  private:
    using connection_type = server<guest>::connection_type;

    static std::string number_of(connection_type const& connection) {
        return std::to_string(connection->number);
    }

    void leave(connection_type& connection) {
        if (!connection->room) return;
        tell(connection->room, notice_command, number_of(connection) + " has left");
        server_.leave(connection->room, connection); // behind the notice, which it gets, too
        connection->room = {};
    }

    // A guest that reads too slowly misses lines; it does not hold up the others.
    void tell(group const& room, std::uint16_t command, std::string_view text) {
        auto failure = server_.send(room, server_.encode(command, as_bytes(text)),
                                    overflow_policy::drop_oldest);
        if (failure) log(warning) << "a line was lost: " << failure.message();
    }

    std::atomic<std::uint64_t> guests_{0};
    server<guest> server_;
};

} // namespace

int main(int argc, char** argv) {
    if (argc != 3 || argv[1] != std::string_view{"--listen"}) {
        std::cerr << "usage: example-chat --listen ADDR:PORT\n";
        return 2;
    }
    try {
        chat{{.listen = {std::string{argv[2]}}}}.run();
        return 0;
    } catch (std::exception const& failure) {
        std::cerr << "example-chat: " << failure.what() << '\n';
        return 1;
    }
}
