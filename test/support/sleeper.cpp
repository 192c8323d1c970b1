// SPDX-License-Identifier: BSL-1.0
// A server for tests from outside, whose handler of command 1 holds its worker until another
// connection, on another worker, sends command 2. Command 3 has it hand over to a new process. All
// are answered with what was sent.
#include "common/command_line.hpp"
#include "common/reports.hpp"

#include <millipede/server.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>

namespace {

using namespace millipede;

constexpr std::uint16_t sleep_command = 1;
constexpr std::uint16_t wake_command = 2;
constexpr std::uint16_t hand_over_command = 3;

void serve(options const& limits) {
    logging logs{limits.log};
    std::atomic<bool> awake{false};
    server<> server{limits};
    server.on(sleep_command, [&](auto& connection, frame const& message) {
        while (!awake)
            std::this_thread::sleep_for(std::chrono::milliseconds{1});
        connection.send(message);
    });
    server.on(wake_command, [&](auto& connection, frame const& message) {
        awake = true;
        connection.send(message);
    });
    server.on(hand_over_command, [&](auto& connection, frame const& message) {
        server.hand_over();
        connection.send(message);
    });
    server.start();
    announce(server);
    server.run();
}

} // namespace

int main(int argc, char** argv) {
    return run_program("millipede-test-sleeper", [&] {
        options limits{.listen = {"127.0.0.1:0"}};
        settings_table table;
        add_server_settings(table, limits);
        program about{"millipede-test-sleeper", "0", "Sleeps when it is told to."};
        if (read_settings(about, {}, table, argc, argv)) serve(limits);
        return 0;
    });
}
