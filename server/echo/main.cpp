// SPDX-License-Identifier: BSL-1.0
// Echo over any codec: every message comes back as it came. Where messages are lines, the line
// "quit" ends the connection.
#include "settings.hpp"

#include "common/command_line.hpp"
#include "common/program_admin.hpp"
#include "common/reload.hpp"
#include "common/reports.hpp"

#include <millipede/server.hpp>

#include <concepts>
#include <functional>
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
void serve(echo_settings const& settings, Codec const& spoken,
           std::function<echo_settings()> const& read_again) {
    logging logs{settings.limits.log};
    server<no_session, Codec> server{settings.limits, spoken};
    server.on_message([](auto& connection, auto const& message) {
        if constexpr (std::same_as<Codec, line_codec>)
            if (is_quit(message)) return connection.close();
        connection.send(message);
    });
    warn_of_limits(settings.limits);
    program_admin admin{server, settings.admin, "millipede-echo", MILLIPEDE_VERSION};
    reload_on_hangup(server, [&] {
        auto again = read_again();
        settings_read_again changed{again.limits, admin_changes(settings.admin, again.admin)};
        if (again.codec_text != settings.codec_text)
            changed.need_restart.push_back({"codec", settings.codec_text, again.codec_text});
        return changed;
    });
    server.start();
    announce(server);
    admin.announce();
    server.run();
    log_totals(server);
}

} // namespace

int main(int argc, char** argv) {
    return run_server("millipede-echo", argc, argv, read_echo_settings,
                      [](echo_settings const& settings, auto const& read_again) {
                          std::visit(
                              [&](auto const& spoken) { serve(settings, spoken, read_again); },
                              settings.codec);
                          return 0;
                      });
}
