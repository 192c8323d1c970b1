// SPDX-License-Identifier: BSL-1.0
#include "common/command_line.hpp"

#include "common/admission_settings.hpp"
#include "common/config_file.hpp"
#include "common/listen_settings.hpp"
#include "common/process_settings.hpp"
#include "common/setting_kinds.hpp"
#include "common/standard_streams.hpp"

#include <millipede/base/connection_id.hpp>
#include <millipede/base/error.hpp>

#include <boost/program_options.hpp>

#include <exception>
#include <iostream>
#include <optional>

namespace {

namespace po = boost::program_options;

constexpr char surplus_words[] = "surplus words";

setting bytes_setting(std::string name, std::string help, std::size_t& target, std::uint64_t least,
                      std::uint64_t most) {
    help += " [" + std::to_string(target) + "]";
    return {std::move(name), "BYTES", std::move(help),
            [&target, least, most](std::string const& text) {
                target = static_cast<std::size_t>(parse_number(text, least, most));
            }};
}

setting overflow_setting(millipede::overflow_policy& target) {
    using millipede::overflow_policy;
    return {"overflow", "POLICY", "and beyond it: close, drop-newest or drop-oldest [close]",
            [&target](std::string const& text) {
                if (text == "close")
                    target = overflow_policy::close;
                else if (text == "drop-newest")
                    target = overflow_policy::drop_newest;
                else if (text == "drop-oldest")
                    target = overflow_policy::drop_oldest;
                else
                    throw std::invalid_argument{"'" + text +
                                                "' is none of close, drop-newest, drop-oldest"};
            }};
}

setting transport_setting(millipede::transport_kind& target) {
    return {"transport", "KIND", "epoll, or asio: portable, larger, slower [epoll]",
            [&target](std::string const& text) {
                if (text == "epoll")
                    target = millipede::transport_kind::epoll;
                else if (text == "asio")
                    target = millipede::transport_kind::asio;
                else
                    throw std::invalid_argument{"'" + text + "' is neither epoll nor asio"};
            }};
}

setting stall_policy_setting(millipede::stall_policy& target) {
    return {"stall-policy", "WHAT", "when a worker stalls: report, abort or watchdog [report]",
            [&target](std::string const& text) {
                if (text == "report")
                    target = millipede::stall_policy::report;
                else if (text == "abort")
                    target = millipede::stall_policy::abort;
                else if (text == "watchdog")
                    target = millipede::stall_policy::watchdog;
                else
                    throw std::invalid_argument{"'" + text +
                                                "' is none of report, abort, watchdog"};
            }};
}

setting log_level_setting(millipede::severity& target) {
    return {"log-level", "LEVEL", "trace, debug, info, warning, error or fatal [info]",
            [&target](std::string const& text) {
                auto level = millipede::severity_of(text);
                if (!level)
                    throw std::invalid_argument{
                        "'" + text + "' is none of trace, debug, info, warning, error, fatal"};
                target = *level;
            }};
}

setting log_format_setting(millipede::log_format& target) {
    return {"log-format", "FORMAT", "text, or json: an object in each line [text]",
            [&target](std::string const& text) {
                if (text == "text")
                    target = millipede::log_format::text;
                else if (text == "json")
                    target = millipede::log_format::json;
                else
                    throw std::invalid_argument{"'" + text + "' is neither text nor json"};
            }};
}

po::options_description accepted(po::options_description const& described) {
    po::options_description all;
    all.add(described).add_options()(surplus_words, po::value<std::vector<std::string>>());
    return all;
}

po::options_description describe(std::vector<foreign_file> const& foreign,
                                 settings_table const& table) {
    constexpr unsigned line_length = 100;
    constexpr unsigned help_length = 62;
    po::options_description all{line_length, help_length};
    std::optional<po::options_description> group;
    auto begin = [&](std::string const& caption) {
        if (group) all.add(*group);
        group.emplace(caption, line_length, help_length);
    };
    auto add = [&](std::string const& name, std::string const& argument, std::string const& help) {
        if (argument.empty())
            group->add_options()(name.c_str(), help.c_str());
        else
            group->add_options()(name.c_str(), po::value<std::string>()->value_name(argument),
                                 help.c_str());
    };
    bool has_groups = false;
    for (auto const& each : table.all()) {
        has_groups = has_groups || !each.group.empty();
        if (!each.group.empty())
            begin(each.group);
        else if (!group)
            begin("Options");
        add(each.name, each.argument, each.help);
    }
    if (has_groups || !group) begin(has_groups ? "Files and help" : "Options");
    for (auto const& each : foreign)
        add(each.name, "FILE", each.help);
    add("config", "FILE", "lines NAME = VALUE; the command line wins; SIGHUP reloads");
    add("help", "", "show this");
    add("version", "", "show the version");
    all.add(*group);
    return all;
}

std::vector<po::option> parse(po::options_description const& description, int argc,
                              char const* const* argv) {
    using namespace po::command_line_style;
    // Collected by name, because Program_options would not say which word it does not want.
    po::positional_options_description surplus;
    surplus.add(surplus_words, -1);
    try {
        auto parsed = po::command_line_parser{argc, argv}
                          .options(description)
                          .style(allow_long | long_allow_next | long_allow_adjacent)
                          .positional(surplus)
                          .run();
        for (auto const& option : parsed.options)
            if (option.string_key == surplus_words)
                throw usage_error{"'" + option.value.front() +
                                  "' belongs to no option; see --help"};
        return parsed.options;
    } catch (po::error const& refusal) {
        throw usage_error{std::string{refusal.what()} + "; see --help"};
    }
}

std::string describe_listen_error(millipede::listen_error const& failure) {
    std::string text = failure.what();
    if (failure.code() == millipede::errc::no_inherited_socket)
        return text + "; it is for who starts this process to do so (pass a descriptor, or set "
                      "LISTEN_PID and LISTEN_FDS as systemd does)";
    if (text.find(" unix:") != std::string::npos) // the path
        return text + "; see who listens there, and whether the folder may be written to";
    if (failure.code() == boost::system::errc::address_in_use)
        return text + "; stop the process that listens there, or choose another port";
    if (failure.code() == boost::system::errc::permission_denied)
        return text + "; ports below 1024 need the capability CAP_NET_BIND_SERVICE";
    if (failure.code() == boost::system::errc::address_not_available)
        return text + "; no interface of this machine has that address";
    return text;
}

} // namespace

// The library speaks of members of `options`, the user of options on a command line.
std::string option_name(std::string const& member) {
    if (member == "connections_per_worker") return "--connections";
    if (member == "handshake_timeout") return "--tls-handshake-timeout";
    if (member == "tls.certificate_file") return "--tls-certificate";
    if (member == "tls.private_key_file") return "--tls-key";
    if (member == "tls.client_ca_file") return "--tls-client-ca";
    std::string name = "--" + member;
    for (auto& letter : name)
        if (letter == '_' || letter == '.') letter = '-';
    return name;
}

void add_server_settings(settings_table& table, millipede::options& limits) {
    using millipede::connection_id;
    add_listen_settings(table, limits);
    table.add(number_setting("workers", "worker threads [one per processor]", limits.workers, 1,
                             connection_id::workers_max));
    table.add(number_setting("connections",
                             "connections per worker [what the descriptor limit allows]",
                             limits.connections_per_worker, 1, connection_id::slots_max));
    table.add(time_setting("idle-timeout", "close when nothing was received for TIME; 0s: never",
                           limits.idle_timeout));
    table.add(time_setting("heartbeat-interval", "ask the silent if they are there; 0s: do not",
                           limits.heartbeat_interval));
    table.add(time_setting("write-timeout", "close when a peer takes nothing for TIME; 0s: never",
                           limits.write_timeout));
    table.add(time_setting("linger-timeout", "wait so long for a peer's end after ours",
                           limits.linger_timeout));
    table.add(time_setting("stop-timeout", "after a signal, cut off what is not sent by then",
                           limits.stop_timeout));
    table.add(time_setting("drain-spread", "after a signal, end connections over TIME first",
                           limits.drain_spread));
    add_admission_settings(table, limits);
    table.add(bytes_setting("output-max-bytes", "unsent output of one connection",
                            limits.output_max_bytes, 1, std::uint64_t{1} << 40));
    table.add(overflow_setting(limits.overflow));
    table.add(bytes_setting("output-budget-bytes", "of all: shed the largest; 0: no limit",
                            limits.output_budget_bytes, 0, std::uint64_t{1} << 44));
    table.add(time_setting("stall-after", "a worker silent for TIME is stalled; 0s: no watch",
                           limits.stall_after));
    table.add(stall_policy_setting(limits.stall_policy));
    add_process_settings(table, limits);
    table.add(transport_setting(limits.transport));
    table.add(log_level_setting(limits.log.level));
    table.add(log_format_setting(limits.log.format));
    table.add({"log-file", "FILE", "log to a rotating file instead of standard error",
               [&](std::string const& text) { limits.log.file = text; }});
}

bool read_settings(program const& about, std::vector<foreign_file> const& foreign,
                   settings_table const& table, int argc, char const* const* argv) {
    auto description = describe(foreign, table);
    auto given = parse(accepted(description), argc, argv);
    auto value_of = [&](std::string const& name) -> std::string const* {
        for (auto const& option : given)
            if (option.string_key == name && !option.value.empty()) return &option.value.front();
        return nullptr;
    };
    for (auto const& option : given) {
        if (option.string_key == "help") {
            std::cout << about.summary << "\nUsage: " << about.name << " [options]\n"
                      << description << "TIME is a number and its unit: 100ms, 30s, 5m, 1h.\n";
            return false;
        }
        if (option.string_key == "version") {
            std::cout << about.name << ' ' << about.version << '\n';
            return false;
        }
    }
    for (auto const& each : foreign)
        if (auto const* file = value_of(each.name)) each.apply(*file);
    if (auto const* file = value_of("config")) apply_config_file(*file, table);
    settings_source source;
    for (auto const& option : given)
        if (auto const* found = table.find(option.string_key))
            source.apply("--" + option.string_key, *found,
                         found->argument.empty() ? "true" : option.value.front());
    table.finish();
    return true;
}

int run_program(std::string const& name, std::function<int()> const& body) {
    constexpr int usage_status = 2;
    secure_standard_streams();
    try {
        return body();
    } catch (usage_error const& refusal) {
        std::cerr << name << ": " << refusal.what() << '\n';
    } catch (millipede::invalid_option const& refusal) {
        std::string why = refusal.what();
        std::cerr << name << ": " << option_name(refusal.option())
                  << why.substr(refusal.option().size()) << '\n';
    } catch (millipede::listen_error const& failure) {
        std::cerr << name << ": " << describe_listen_error(failure) << '\n';
    } catch (millipede::log_file_error const& failure) {
        std::cerr << name << ": " << failure.what() << "; check its folder and permissions\n";
    } catch (std::exception const& failure) {
        std::cerr << name << ": " << failure.what() << '\n';
        return 1;
    }
    return usage_status;
}
