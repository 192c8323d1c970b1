// SPDX-License-Identifier: BSL-1.0
#include "settings.hpp"

#include "common/command_line.hpp"
#include "common/duration.hpp"
#include "init_conf.hpp"

#include <stdexcept>

namespace {

void add_online_settings(settings_table& table, online_settings& settings) {
    table.add({"magic", "WORD", "the word that frames begin with [0x8eb69af7]",
               [&](std::string const& text) {
                   settings.frames.magic =
                       static_cast<std::uint32_t>(parse_number(text, 0, UINT32_MAX));
               }});
    table.add({"frame-max", "BYTES", "the longest frame, 8 to 65535 [65535]",
               [&](std::string const& text) {
                   settings.frames.size_max =
                       static_cast<std::uint32_t>(parse_number(text, 8, 65'535));
               }});
    table.add({"skip-crlf", "", "skip CR LF between frames, as MarioTCP's client sends",
               [&](std::string const& text) { settings.frames.skip_crlf = parse_switch(text); }});
    table.add({"report-every", "TIME", "log the online number so often [1m]",
               [&](std::string const& text) {
                   settings.report_every = parse_duration(text).value;
                   if (settings.report_every <= std::chrono::milliseconds::zero())
                       throw std::invalid_argument{"'" + text + "' is no time to wait"};
               }});
}

} // namespace

bool read_online_settings(online_settings& settings, int argc, char const* const* argv) {
    settings_table table;
    add_server_settings(table, settings.limits);
    add_admin_settings(table, settings.admin);
    add_online_settings(table, settings);
    foreign_file mario{"init-conf", "MarioTCP's init.conf; --config and the command line win",
                       [&](std::string const& file) {
                           settings.warnings = apply_init_conf(file, settings.limits);
                       }};
    program about{"millipede-online", MILLIPEDE_VERSION,
                  "Counts who is online: MarioTCP's sample server, wire-compatible."};
    return read_settings(about, {mario}, table, argc, argv);
}
