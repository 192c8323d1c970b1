// SPDX-License-Identifier: BSL-1.0
// The comet server: pushes messages to browsers over HTTP. icomet's, on Millipede.
#include "channels/local_hub.hpp"
#include "channels/tally.hpp"
#include "figures.hpp"
#include "pid_file.hpp"
#include "ports/admin.hpp"
#include "ports/command_executor.hpp"
#include "ports/framed_clients.hpp"
#include "ports/front.hpp"
#include "settings.hpp"

#include "common/command_line.hpp"
#include "common/program_admin.hpp"
#include "common/reload.hpp"
#include "common/reports.hpp"

#include <millipede/server.hpp>

#include <functional>

namespace {

using namespace comet;
using millipede::error_code;

// The handlers of a port, on the server itself or on a service of it.
void attach(port::service& listener, port& handlers) {
    listener.on_open([&](http_connection& connection) { handlers.opened(connection); });
    listener.on_message([&](http_connection& connection, http_request const& request) {
        handlers.received(connection, request);
    });
    listener.on_message_timeout(
        [&](http_connection& connection, error_code const&) { handlers.timed_out(connection); });
    listener.on_drain([&](http_connection& connection, auto) { handlers.drained(connection); });
    listener.on_close(
        [&](http_connection& connection, error_code const&) { handlers.ended(connection); });
}

void log_warnings(comet_settings const& settings) {
    for (auto const& text : settings.warnings)
        millipede::log(millipede::warning) << text;
}

int serve(comet_settings const& settings, std::function<comet_settings()> const& read_again) {
    refuse_beside_another(settings.limits.pid_file);
    millipede::logging logs{settings.limits.log};
    log_warnings(settings);
    comet_server server{settings.limits, http_codec{settings.http}};
    tally counters{server.worker_count()};
    local_hub channels{server, settings.channels, counters};
    auto& admins = server.listen<subscriber>(http_codec{settings.http}, settings.admin);
    command_executor commands{channels, counters, settings.channels, server};
    front for_subscribers{channels,
                          counters,
                          server,
                          commands,
                          {.channels = settings.channels,
                           .pages = settings.cross_origin,
                           .publishes = settings.front_publishes,
                           .with_web = settings.web,
                           .websocket_message_max = settings.http.websocket_message_max}};
    admin for_publishers{channels, counters, settings.channels, settings.gate, admins};
    attach(server, for_subscribers);
    attach(admins, for_publishers);
    framed_clients over_tcp{channels, counters, commands, settings.channels, settings.gate};
    if (settings.framed)
        over_tcp.serve(server.listen<subscriber>(millipede::frame_codec{}, *settings.framed));
    program_admin ops{server, settings.ops, "millipede-comet", MILLIPEDE_VERSION};
    add_figures(ops, counters, channels);

    warn_of_limits(settings.limits);
    reload_on_hangup(server, [&] {
        auto again = read_again();
        log_warnings(again);
        return settings_read_again{again.limits, own_changes(settings, again)};
    });
    server.start();
    channels.start();
    announce(server);
    ops.announce();
    server.run();
    log_totals(server);
    log_figures(counters, channels);
    return 0;
}

} // namespace

int main(int argc, char** argv) {
    return run_server("millipede-comet", argc, argv, read_comet_settings, serve);
}
