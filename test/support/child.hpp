// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "support/wait.hpp"

#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

namespace test {

/// Runs `scenario() -> int` in a process of its own and returns what it returned; -1 when the
/// process died or took too long. For what spoils a process: limits, crashes. Call it while this
/// process has one thread.
template <class Scenario>
int in_child(Scenario scenario) {
    auto child = ::fork();
    if (child < 0) return -1;
    if (child == 0) {
        // Boost.Test would go on with its other tests, in this process.
        for (int signal : {SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGTERM})
            ::signal(signal, SIG_DFL);
        int code = 125;
        try {
            code = scenario();
        } catch (...) {
        }
        ::_exit(code);
    }
    int status = 0;
    if (!eventually([&] { return ::waitpid(child, &status, WNOHANG) == child; }, 2 * patience)) {
        ::kill(child, SIGKILL);
        ::waitpid(child, &status, 0);
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

} // namespace test
