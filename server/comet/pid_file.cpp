// SPDX-License-Identifier: BSL-1.0
#include "pid_file.hpp"

#include "common/settings_table.hpp"

#include <cerrno>
#include <cstring>
#include <string>

#include <fcntl.h>
#include <unistd.h>

pid_file::pid_file(std::filesystem::path where) : where_{std::move(where)} {
    if (where_.empty()) return;
    constexpr mode_t readable_by_all = 0644;
    int file = ::open(where_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, readable_by_all);
    if (file < 0 && errno == EEXIST)
        throw usage_error{where_.string() + " exists; stop the process whose number is in it, or "
                                            "remove what one that was killed has left"};
    if (file < 0) throw usage_error{where_.string() + ": " + std::strerror(errno)};
    auto text = std::to_string(::getpid()) + "\n";
    bool written = ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    ::close(file);
    if (written) return;
    ::unlink(where_.c_str());
    throw usage_error{where_.string() + ": cannot be written; is the disk full?"};
}

pid_file::~pid_file() {
    if (!where_.empty()) ::unlink(where_.c_str());
}
