// SPDX-License-Identifier: BSL-1.0
#include "common/standard_streams.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <initializer_list>

void secure_standard_streams() noexcept {
    for (int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
        // The lowest free number is the one that is missing: those below are there by now.
        if (::fcntl(descriptor, F_GETFD) < 0) ::open("/dev/null", O_RDWR);
    std::signal(SIGPIPE, SIG_IGN);
}
