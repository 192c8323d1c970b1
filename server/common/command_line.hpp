// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "common/settings_table.hpp"

#include <millipede/base/options.hpp>

#include <functional>
#include <string>
#include <vector>

/// Adds what every server has: where to listen, workers, timeouts, log. They set `limits`.
void add_server_settings(settings_table& table, millipede::options& limits);

/// A program's name and what --help says above and below the options.
struct program {
    std::string name;
    std::string version;
    std::string summary;
};

/// Options of a program that name a file of settings in a format of its own, weaker than --config.
struct foreign_file {
    std::string name;
    std::string help;
    std::function<void(std::string const& file)> apply;
};

/// Reads the settings, the stronger source last: foreign file, `--config FILE`, command line.
/// \returns false when the program has done what it was asked for (--help, --version).
/// \throws usage_error
bool read_settings(program const& about, std::vector<foreign_file> const& foreign,
                   settings_table const& table, int argc, char const* const* argv);

/// The option on the command line that sets that member of `millipede::options`: `--idle-timeout`.
std::string option_name(std::string const& member);

/// Runs a program's `body` and returns its exit status: 2, with one line on standard error, for
/// everything that its user can mend (options, files, ports, descriptors), 1 for other failures.
int run_program(std::string const& name, std::function<int()> const& body);

/// The same for a server: `read` takes its settings from the command line and the files that it
/// names, and returns whether there is anything to run; then `serve(settings, read_again)` is the
/// body, where `read_again()` returns them as they are by then.
template <class Settings, class Serve>
int run_server(std::string const& name, int argc, char const* const* argv,
               bool (*read)(Settings&, int, char const* const*), Serve serve) {
    return run_program(name, [&] {
        Settings settings;
        if (!read(settings, argc, argv)) return 0;
        std::function<Settings()> read_again = [&] {
            Settings again;
            read(again, argc, argv);
            return again;
        };
        return serve(settings, read_again);
    });
}
