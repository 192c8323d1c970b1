// SPDX-License-Identifier: BSL-1.0
// Echo over any codec: every message comes back as it came. Where messages are lines, the line
// "quit" ends the connection.
#include "settings.hpp"

#include "common/command_line.hpp"
#include "common/program_admin.hpp"
#include "common/reports.hpp"

#include <millipede/server.hpp>

#include <concepts>
#include <span>
#include <string_view>
#include <variant>

namespace {

using namespace millipede;

bool is_quit(std::span<std::byte const> line) {
    std::string_view text{reinterpret_cast<char const*>(line.data()), line.size()};
    return text == "quit" || text == "quit\r";
}

template <codec Codec>
void serve(echo_settings const& settings, Codec const& spoken) {
    logging logs{settings.limits.log};
    server<no_session, Codec> server{settings.limits, spoken};
    server.on_message([](auto& connection, auto const& message) {
        if constexpr (std::same_as<Codec, line_codec>)
            if (is_quit(message)) return connection.close();
        connection.send(message);
    });
    program_admin admin{server, settings.admin, "millipede-echo", MILLIPEDE_VERSION};
    server.start();
    announce(server);
    admin.announce();
    server.run();
    log_totals(server);
}

} // namespace

int main(int argc, char** argv) {
    return run_program("millipede-echo", [&] {
        echo_settings settings;
        if (!read_echo_settings(settings, argc, argv)) return 0;
        std::visit([&](auto const& spoken) { serve(settings, spoken); }, settings.codec);
        return 0;
    });
}
