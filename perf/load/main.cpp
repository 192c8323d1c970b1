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

// Says what came of it, beside the lines of --settle and --marks, which stay alone on standard
// output.
template <class Result>
int tell(load::options const& settings, Result const& result, bool has_lines) {
    if (settings.json)
        std::printf("%s\n", load::as_json(settings, result).c_str());
    else
        std::fputs(load::as_text(settings, result).c_str(), has_lines ? stderr : stdout);
    std::fflush(stdout);
    auto const reason = load::failure_reason(settings, result);
    if (!reason.empty()) std::fprintf(stderr, "millipede-load: failed: %s\n", reason.c_str());
    return reason.empty() ? status_success : status_failure;
}

int subscribe(load::options const& settings) {
    load::subscribe_run run{settings};
    load::subscribe_result result;
    run.run(result);
    return tell(settings, result, settings.marks);
}

int run(load::options const& settings) {
    if (settings.mode == load::run_mode::subscribe) return subscribe(settings);
    load::run_result result;
    load::conductor conductor{settings};
    conductor.run(result);
    auto const status = tell(settings, result, settings.settle || settings.marks);
    // A thread that did not end cannot be joined: leave without the destructors.
    if (result.threads_stuck) ::_exit(status_failure);
    return status;
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
