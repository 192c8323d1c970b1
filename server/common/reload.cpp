// SPDX-License-Identifier: BSL-1.0
#include "common/reload.hpp"

#include "common/command_line.hpp"
#include "common/settings_table.hpp"

#include <string>
#include <utility>

using namespace millipede;

namespace {

// As the user knows the option: without the dashes, as in a file.
std::string setting_name(std::string const& member) {
    return option_name(member).substr(2);
}

void read_and_reload(basic_server& server, std::function<settings_read_again()> const& read) {
    auto again = read();
    auto level = again.limits.log.level;
    auto report = server.reload(std::move(again.limits));
    if (again.take_up) again.take_up();
    set_log_level(level);
    for (auto* list : {&report.applied, &report.need_restart})
        for (auto& each : *list)
            each.option = setting_name(each.option);
    for (auto& each : again.applied)
        report.applied.push_back(std::move(each));
    for (auto& each : again.need_restart)
        report.need_restart.push_back(std::move(each));
    log_changes(report);
}

} // namespace

void reload_on_hangup(basic_server& server, std::function<settings_read_again()> read) {
    server.on_reload([&server, read = std::move(read)] {
        try {
            read_and_reload(server, read);
        } catch (invalid_option const& refusal) {
            std::string why = refusal.what();
            throw usage_error{option_name(refusal.option()) + why.substr(refusal.option().size())};
        }
    });
}
