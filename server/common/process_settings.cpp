// SPDX-License-Identifier: BSL-1.0
#include "common/process_settings.hpp"

#include "common/setting_kinds.hpp"

#include <csignal>
#include <string>

void add_process_settings(settings_table& table, millipede::options& limits) {
    limits.notify_systemd = true;
    limits.upgrade_signal = SIGUSR2;
    table.add(time_setting("upgrade-timeout", "on SIGUSR2 a new process has to be ready by then",
                           limits.upgrade_timeout));
    table.add({"pid-file", "FILE", "has the process id while the server runs",
               [&](std::string const& text) { limits.pid_file = text; }});
}
