// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <filesystem>

/// A file with the process's number, as long as this object lives.
class pid_file {
  public:
    /// An empty path: no file.
    /// \throws usage_error when the file exists, or cannot be written.
    explicit pid_file(std::filesystem::path where);
    ~pid_file();
    pid_file(pid_file const&) = delete;
    pid_file& operator=(pid_file const&) = delete;

  private:
    std::filesystem::path where_;
};
