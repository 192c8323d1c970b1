// SPDX-License-Identifier: BSL-1.0
// What a broadcast does to the other traffic of its worker: a server with one worker that echoes
// (0x6102), takes into a group whoever logs in (0x6101), and sends frames to that group, or to all.
#include <millipede/server.hpp>

#include <charconv>
#include <chrono>
#include <cstdint>
#include <iostream>
#include <string>
#include <string_view>

namespace {

using namespace millipede;

constexpr std::uint16_t login_command = 0x6101;
constexpr std::uint16_t echo_command = 0x6102;
constexpr std::uint16_t news_command = 0x6104;

struct plan {
    std::string listen;
    bool to_group = false;
    std::uint32_t frame_bytes = 0;
    std::uint32_t every_ms = 0; // 0: nothing is sent
};

struct visitor {
    bool logged_in = false;
};

void serve(plan const& wanted) {
    logging quiet{{.level = warning}};
    server<visitor> server{{.listen = {wanted.listen}, .workers = 1}};
    auto room = server.make_group();
    server.on(login_command, [&](auto& connection, frame const&) {
        connection->logged_in = true;
        if (wanted.to_group) server.join(room, connection);
        connection.send(login_command, {});
    });
    server.on(echo_command, [](auto& connection, frame const& ping) { connection.send(ping); });

    std::vector<std::byte> const data(wanted.frame_bytes - sizeof(frame_head));
    auto news = frame_codec{}.encode(news_command, data);
    std::uint64_t refused = 0;
    auto publish = [&] {
        auto logged_in = [](auto const& connection) { return connection->logged_in; };
        auto failure =
            wanted.to_group ? server.send(room, news) : server.broadcast(news, logged_in);
        refused += failure.failed();
    };
    if (wanted.every_ms != 0) server.every(std::chrono::milliseconds{wanted.every_ms}, publish);
    server.start();
    std::cout << "listening on " << server.endpoints().at(0) << std::endl;
    server.run();
    if (refused != 0) throw std::runtime_error{std::to_string(refused) + " broadcasts refused"};
}

bool read_number(std::string_view text, std::uint32_t least, std::uint32_t& number) {
    auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
    return code == std::errc{} && end == text.data() + text.size() && number >= least;
}

} // namespace

int main(int argc, char** argv) {
    plan wanted;
    bool understood = argc == 5 && read_number(argv[3], sizeof(frame_head), wanted.frame_bytes) &&
                      read_number(argv[4], 0, wanted.every_ms);
    if (understood) {
        wanted.listen = argv[1];
        wanted.to_group = argv[2] == std::string_view{"group"};
        understood = wanted.to_group || argv[2] == std::string_view{"all"};
    }
    if (!understood) {
        std::cerr << "usage: bench-broadcast ADDR:PORT all|group FRAME_BYTES EVERY_MS\n";
        return 2;
    }
    try {
        serve(wanted);
    } catch (std::exception const& failure) {
        std::cerr << "bench-broadcast: " << failure.what() << '\n';
        return 1;
    }
    return 0;
}
