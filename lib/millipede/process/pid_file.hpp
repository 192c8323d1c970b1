// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <string>
#include <utility>

namespace millipede::detail {

/// A file with the number of this process, for as long as it serves.
class pid_file {
  public:
    /// \param path empty: there is none.
    explicit pid_file(std::string path) : path_{std::move(path)} {}
    ~pid_file() { remove(); }
    pid_file(pid_file const&) = delete;
    pid_file& operator=(pid_file const&) = delete;

    /// In place of what stands there; whoever reads it meanwhile reads the one or the other.
    /// \throws boost::system::system_error
    void write();
    /// It stays for the process that will write its own number there.
    void leave() noexcept { written_ = false; }
    /// Takes it away, unless it has another process's number by now.
    void remove() noexcept;

  private:
    std::string path_;
    bool written_ = false;
};

} // namespace millipede::detail
