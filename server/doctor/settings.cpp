// SPDX-License-Identifier: BSL-1.0
#include "settings.hpp"

#include "common/settings_table.hpp"

#include <millipede/base/connection_id.hpp>

#include <boost/program_options.hpp>

#include <filesystem>
#include <functional>
#include <iostream>

namespace {

namespace po = boost::program_options;

constexpr char surplus_words[] = "surplus words";
constexpr std::uint64_t connections_max = 10'000'000'000;
constexpr std::uint64_t bytes_max = 1U << 28;

constexpr char summary[] =
    R"(Says how many idle connections this machine holds in one process of Millipede,
what stops them first, and the lines that change it. Changes nothing itself.
Usage: millipede-doctor [--connections N] [options]
)";

constexpr char rest[] =
    R"(Exit status: 0 it holds them; 1 it does not; 2 the options are wrong, or a limit
that is needed for the answer cannot be read.
Run it as the server runs: as its user, in its container or unit (systemd-run).
)";

po::options_description described() {
    po::options_description options{"Options", 80, 50};
    auto add = options.add_options();
    auto number = [] { return po::value<std::string>()->value_name("N"); };
    add("connections", number(), "so many in all are wanted [0: none in particular]");
    add("workers", number(), "worker threads [one per processor]");
    add("tls", "all of them are TLS");
    add("transport", po::value<std::string>()->value_name("KIND"), "epoll or asio [epoll]");
    add("bytes", number(), "user memory that your handlers keep for each [0]");
    add("json", "for programs");
    add("root", po::value<std::string>()->value_name("DIR"),
        "read DIR/proc and DIR/sys: a copy of another machine's [/]");
    add("help", "show this");
    add("version", "show the version");
    return options;
}

po::variables_map parsed(po::options_description const& options, int argc,
                         char const* const* argv) {
    using namespace po::command_line_style;
    po::options_description all;
    all.add(options).add_options()(surplus_words, po::value<std::vector<std::string>>());
    po::positional_options_description surplus;
    surplus.add(surplus_words, -1);
    po::variables_map given;
    try {
        po::store(po::command_line_parser{argc, argv}
                      .options(all)
                      .style(allow_long | long_allow_next | long_allow_adjacent)
                      .positional(surplus)
                      .run(),
                  given);
    } catch (po::error const& refusal) {
        throw usage_error{std::string{refusal.what()} + "; see --help"};
    }
    if (given.count(surplus_words) != 0)
        throw usage_error{"'" + given[surplus_words].as<std::vector<std::string>>().front() +
                          "' belongs to no option; see --help"};
    return given;
}

millipede::transport_kind transport_of(std::string const& text) {
    if (text == "epoll") return millipede::transport_kind::epoll;
    if (text == "asio") return millipede::transport_kind::asio;
    throw std::invalid_argument{"'" + text + "' is neither epoll nor asio"};
}

std::string folder(std::string const& text) {
    if (std::filesystem::is_directory(text)) return text;
    throw std::invalid_argument{"'" + text + "' is no folder"};
}

} // namespace

bool read_doctor_settings(doctor_settings& settings, int argc, char const* const* argv) {
    auto options = described();
    auto given = parsed(options, argc, argv);
    if (given.count("help") != 0) {
        std::cout << summary << options << rest;
        return false;
    }
    if (given.count("version") != 0) {
        std::cout << "millipede-doctor " MILLIPEDE_VERSION "\n";
        return false;
    }
    auto take = [&](char const* name, std::function<void(std::string const&)> const& apply) {
        if (given.count(name) == 0) return;
        try {
            apply(given[name].as<std::string>());
        } catch (std::invalid_argument const& refusal) {
            throw usage_error{std::string{"--"} + name + ": " + refusal.what()};
        }
    };
    auto& asked = settings.asked;
    take("connections",
         [&](auto const& text) { asked.connections = parse_number(text, 0, connections_max); });
    take("workers", [&](auto const& text) {
        asked.workers = static_cast<std::uint32_t>(
            parse_number(text, 1, millipede::connection_id::workers_max));
    });
    take("bytes", [&](auto const& text) { asked.bytes_beside = parse_number(text, 0, bytes_max); });
    take("transport", [&](auto const& text) { asked.transport = transport_of(text); });
    take("root", [&](auto const& text) { settings.root = folder(text); });
    asked.tls = given.count("tls") != 0;
    settings.json = given.count("json") != 0;
    return true;
}
