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
#include <memory>
#include <utility>

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

// All that may fail is done before it is taken up.
settings_read_again read_for(settings_in_force& live, comet_settings& in_force,
                             comet_settings const& again) {
    log_warnings(again);
    auto changes = own_changes(in_force, again);
    auto next = std::make_shared<comet_settings>(taken_up(in_force, again));
    auto copies = std::make_shared<settings_in_force::copies>(live.copies_of(again.live));
    return {.limits = again.limits,
            .need_restart = std::move(changes.need_restart),
            .applied = std::move(changes.applied),
            .take_up = [&live, &in_force, next, copies] {
                live.leave(std::move(*copies));
                in_force = std::move(*next);
            }};
}

int serve(comet_settings const& settings, std::function<comet_settings()> const& read_again) {
    refuse_beside_another(settings.limits.pid_file);
    millipede::logging logs{settings.limits.log};
    log_warnings(settings);
    settings_in_force live;
    http_codec const http{settings.live.http, live};
    comet_server server{settings.limits, http};
    live.begin(settings.live, server.worker_count());
    tally counters{server.worker_count()};
    local_hub channels{server, live, counters};
    auto& admins = server.listen<subscriber>(http, settings.admin);
    command_executor commands{channels, counters, live, server};
    front for_subscribers{channels, counters, live, server, commands};
    admin for_publishers{channels, counters, live, admins};
    attach(server, for_subscribers);
    attach(admins, for_publishers);
    framed_clients over_tcp{channels, counters, commands, live};
    if (settings.framed)
        over_tcp.serve(server.listen<subscriber>(millipede::frame_codec{}, *settings.framed));
    program_admin ops{server, settings.ops, "millipede-comet", MILLIPEDE_VERSION};
    add_figures(ops, counters, channels);

    warn_of_limits(settings.limits);
    reload_on_hangup(server, [&, in_force = std::make_shared<comet_settings>(settings)] {
        return read_for(live, *in_force, read_again());
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
