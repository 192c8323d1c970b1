// SPDX-License-Identifier: BSL-1.0
// How many connections this machine holds, what stops them first, and what changes it.
#include "reports.hpp"
#include "settings.hpp"

#include "common/command_line.hpp"

#include <millipede/process/machine.hpp>

#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <string_view>

namespace {

constexpr int status_enough = 0;
constexpr int status_lacking = 1;
constexpr int status_unknown = 2;

bool is_coloured_terminal() {
    auto is = [](char const* name, std::string_view value) {
        auto const* text = std::getenv(name);
        return text && text == value;
    };
    bool unwanted = std::getenv("NO_COLOR") || is("TERM", "dumb");
    return !unwanted && ::isatty(STDOUT_FILENO) == 1;
}

int diagnose(doctor_settings const& settings) {
    auto verdict = millipede::capacity_of(millipede::read_machine(settings.root), settings.asked);
    std::cout << (settings.json ? as_json(verdict) : as_text(verdict, is_coloured_terminal()))
              << std::flush;
    if (!std::cout) throw std::runtime_error{"cannot write to standard output"};
    auto enough = verdict.enough();
    if (enough) return *enough ? status_enough : status_lacking;
    for (auto const& each : verdict.unclear)
        std::cerr << "millipede-doctor: cannot tell: " << each << '\n';
    return status_unknown;
}

} // namespace

int main(int argc, char** argv) {
    return run_program("millipede-doctor", [&] {
        doctor_settings settings;
        if (!read_doctor_settings(settings, argc, argv)) return status_enough;
        return diagnose(settings);
    });
}
