// SPDX-License-Identifier: BSL-1.0
// The online-count server: who is logged in, in one number. MarioTCP's sample, on Millipede.
#include "messages.hpp"
#include "settings.hpp"

#include "common/command_line.hpp"
#include "common/program_admin.hpp"
#include "common/reload.hpp"
#include "common/reports.hpp"

#include <millipede/server.hpp>

#include <cstdint>
#include <functional>
#include <utility>

namespace {

using namespace millipede;

struct visitor { // lives in the connection's preallocated slot
    bool logged_in = false;
};

void log_warnings(online_settings const& settings) {
    for (auto const& text : settings.warnings)
        log(warning) << text;
}

int serve(online_settings const& settings, std::function<online_settings()> const& read_again) {
    logging logs{settings.limits.log};
    log_warnings(settings);
    server<visitor> server{settings.limits, frame_codec{settings.frames}};
    per_worker<std::int64_t> online{server};

    server.on<login_request>([&](auto& connection, login_request const&) {
        if (!std::exchange(connection->logged_in, true)) ++online[connection];
        connection.send(login_reply{});
    });
    server.on(echo_command, [](auto& connection, frame const& ping) { connection.send(ping); });
    server.on_close([&](auto& connection, error_code const&) {
        if (connection->logged_in) --online[connection];
    });
    auto report = [&] { log(info) << "online number: " << online.sum(); };
    server.every(settings.report_every, report);
    program_admin admin{server, settings.admin, "millipede-online", MILLIPEDE_VERSION};
    admin.add_gauge("millipede_online", "online", "Who is logged in.",
                    [&] { return static_cast<double>(online.sum()); });

    warn_of_limits(settings.limits);
    reload_on_hangup(server, [&] {
        auto again = read_again();
        log_warnings(again);
        return settings_read_again{again.limits, own_changes(settings, again)};
    });
    server.start();
    announce(server);
    admin.announce();
    server.run();
    report();
    log_totals(server);
    return 0;
}

} // namespace

int main(int argc, char** argv) {
    return run_server("millipede-online", argc, argv, read_online_settings, serve);
}
