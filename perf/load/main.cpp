// SPDX-License-Identifier: BSL-1.0
#include "conductor.hpp"
#include "options.hpp"
#include "report.hpp"
#include "subscribe.hpp"

#include <cstdio>
#include <exception>
#include <new>

#include <unistd.h>

namespace {

constexpr int status_success = 0;
constexpr int status_failure = 1;
constexpr int status_usage = 2;

int complain(char const* what) {
    std::fprintf(stderr, "millipede-load: %s\n", what);
    return status_usage;
}

int subscribe(load::options const& settings) {
    load::subscribe_run run{settings};
    load::subscribe_result result;
    run.run(result);
    auto const text_out = settings.marks ? stderr : stdout;
    if (settings.json)
        std::printf("%s\n", load::as_json(settings, result).c_str());
    else
        std::fputs(load::as_text(settings, result).c_str(), text_out);
    std::fflush(stdout);
    auto const reason = load::failure_reason(settings, result);
    if (!reason.empty()) std::fprintf(stderr, "millipede-load: failed: %s\n", reason.c_str());
    return reason.empty() ? status_success : status_failure;
}

int run(load::options const& settings) {
    if (settings.mode == load::run_mode::subscribe) return subscribe(settings);
    load::run_result result;
    load::conductor conductor{settings};
    conductor.run(result);
    // The lines of --settle and --marks stay alone on standard output.
    auto const text_out = settings.settle || settings.marks ? stderr : stdout;
    if (settings.json)
        std::printf("%s\n", load::as_json(settings, result).c_str());
    else
        std::fputs(load::as_text(settings, result).c_str(), text_out);
    std::fflush(stdout);
    auto const reason = load::failure_reason(settings, result);
    if (!reason.empty()) std::fprintf(stderr, "millipede-load: failed: %s\n", reason.c_str());
    // A thread that did not end cannot be joined: leave without the destructors.
    if (result.threads_stuck) ::_exit(status_failure);
    return reason.empty() ? status_success : status_failure;
}

} // namespace

int main(int argument_count, char** arguments) {
    try {
        auto const settings = load::parse_options(argument_count, arguments);
        if (!settings) return status_success;
        try {
            return run(*settings);
        } catch (std::bad_alloc const&) {
            complain("out of memory: fewer --connections or a smaller --depth need less");
            return status_failure;
        } catch (std::exception const& error) {
            complain(error.what());
            return status_failure;
        }
    } catch (std::exception const& error) {
        return complain(error.what());
    }
}
