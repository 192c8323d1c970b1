// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <exception>
#include <stdexcept>
#include <string>
#include <string_view>

namespace millipede::test {

/// Runs `f() -> std::string` in a forked process, whose limits and descriptors it may spoil, and
/// brings back the answer; "signal N" when the child died of one. No other thread may be running.
template <class F>
std::string in_child(F f) {
    int ends[2];
    if (::pipe(ends) != 0) throw std::runtime_error{"pipe"};
    auto child = ::fork();
    if (child < 0) throw std::runtime_error{"fork"};
    if (child == 0) {
        ::close(ends[0]);
        // A crash is to end this process, not to be caught by the test framework in a copy of it.
        for (int number : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL})
            ::signal(number, SIG_DFL);
        std::string answer;
        try {
            answer = f();
        } catch (std::exception const& failure) {
            answer = std::string{"exception: "} + failure.what();
        }
        std::string_view rest = answer;
        while (!rest.empty()) {
            auto written = ::write(ends[1], rest.data(), rest.size());
            if (written <= 0) ::_exit(1);
            rest.remove_prefix(static_cast<std::size_t>(written));
        }
        ::_exit(0);
    }
    ::close(ends[1]);
    std::string answer;
    char buffer[512];
    ssize_t got = 0;
    while ((got = ::read(ends[0], buffer, sizeof buffer)) > 0)
        answer.append(buffer, static_cast<std::size_t>(got));
    ::close(ends[0]);
    int status = 0;
    ::waitpid(child, &status, 0);
    if (WIFSIGNALED(status)) return "signal " + std::to_string(WTERMSIG(status));
    if (WEXITSTATUS(status) != 0) return "exit code " + std::to_string(WEXITSTATUS(status));
    return answer;
}

} // namespace millipede::test
