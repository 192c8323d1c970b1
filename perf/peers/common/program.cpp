// SPDX-License-Identifier: BSL-1.0
#include "common/program.hpp"

#include <exception>
#include <iostream>

#include <sys/resource.h>

namespace peers {

namespace {

void raise_descriptor_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
}

} // namespace

int run_program(subject const& about, int argument_count, char const* const* arguments,
                void (*serve)(options const&)) {
    try {
        auto settings = parse_options(about, argument_count, arguments);
        if (!settings) return 0;
        raise_descriptor_limit();
        serve(*settings);
        return 0;
    } catch (usage_error const& refusal) {
        std::cerr << about.name << ": " << refusal.what() << "; see --help\n";
        return 2;
    } catch (std::exception const& failure) {
        std::cerr << about.name << ": cannot start: " << failure.what()
                  << "; see the limits of memory, threads and descriptors (ulimit -a)\n";
        return 1;
    }
}

} // namespace peers
