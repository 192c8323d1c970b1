// SPDX-License-Identifier: BSL-1.0
#include <millipede/process/pid_file.hpp>

#include <boost/system/system_error.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <exception>

namespace millipede::detail {
namespace {

std::string own_line() {
    return std::to_string(::getpid()) + '\n';
}

[[noreturn]] void fail(int reason, char const* what) {
    throw boost::system::system_error{reason, boost::system::system_category(), what};
}

} // namespace

void pid_file::write() {
    if (path_.empty()) return;
    auto fresh = path_ + '.' + std::to_string(::getpid());
    int file = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (file < 0) fail(errno, "open");
    auto line = own_line();
    auto size = ::write(file, line.data(), line.size());
    int reason = size < 0 ? errno : size < static_cast<ssize_t>(line.size()) ? ENOSPC : 0;
    ::close(file);
    if (reason == 0 && ::rename(fresh.c_str(), path_.c_str()) != 0) reason = errno;
    written_ = reason == 0;
    if (written_) return;
    ::unlink(fresh.c_str());
    fail(reason, "write");
}

void pid_file::remove() noexcept {
    if (!written_) return;
    written_ = false;
    int file = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (file < 0) return;
    char found[32];
    auto size = ::read(file, found, sizeof found);
    ::close(file);
    try {
        if (size > 0 && own_line() == std::string{found, static_cast<std::size_t>(size)})
            ::unlink(path_.c_str());
    } catch (std::exception const&) {
        // No memory: it stays, as after a crash.
    }
}

} // namespace millipede::detail
