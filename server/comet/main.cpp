// SPDX-License-Identifier: BSL-1.0
// The comet server: pushes messages to browsers over HTTP. icomet's, on Millipede.
#include "admin.hpp"
#include "front.hpp"
#include "local_hub.hpp"
#include "pid_file.hpp"
#include "settings.hpp"
#include "tally.hpp"

#include "common/command_line.hpp"
#include "common/reports.hpp"

#include <millipede/server.hpp>

#include <sstream>

namespace {

using namespace comet;
using millipede::error_code;
using millipede::log;

// The handlers of a port, on the server itself or on a service of it.
void attach(admin::service& listener, port& handlers) {
    listener.on_open([&](http_connection& connection) { handlers.opened(connection); });
    listener.on_message([&](http_connection& connection, http_request const& request) {
        handlers.received(connection, request);
    });
    listener.on_close(
        [&](http_connection& connection, error_code const&) { handlers.ended(connection); });
}

void log_tally(tally const& counters, hub const& channels) {
    std::ostringstream text;
    counters.for_each([&](auto name, auto value) { text << ' ' << name << '=' << value; });
    log(millipede::info) << "comet:" << text.str() << " channels=" << channels.channels()
                         << " subscribers=" << channels.subscribers();
}

int serve(comet_settings const& settings) {
    pid_file number{settings.pid_file};
    millipede::logging logs{settings.limits.log};
    for (auto const& text : settings.warnings)
        log(millipede::warning) << text;
    comet_server server{settings.limits, http_codec{settings.http}};
    tally counters{server.worker_count()};
    local_hub channels{server, settings.channels, counters};
    auto& admins = server.listen<subscriber>(http_codec{settings.http}, settings.admin);
    front for_subscribers{channels, counters, settings.channels};
    admin for_publishers{channels, counters, settings.channels, settings.gate, admins};
    attach(server, for_subscribers);
    attach(admins, for_publishers);

    server.start();
    channels.start();
    announce(server);
    server.run();
    log_totals(server);
    log_tally(counters, channels);
    return 0;
}

} // namespace

int main(int argc, char** argv) {
    return run_program("millipede-comet", [&] {
        comet_settings settings;
        if (!read_comet_settings(settings, argc, argv)) return 0;
        return serve(settings);
    });
}
