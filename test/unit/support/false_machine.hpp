// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/process/machine.hpp>

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>

namespace millipede::test {

/// A folder with files as another machine has them in /proc and /sys.
class false_machine {
  public:
    false_machine() {
        std::string pattern = std::filesystem::temp_directory_path() / "millipede-machine-XXXXXX";
        if (!::mkdtemp(pattern.data())) throw std::runtime_error{"mkdtemp"};
        root_ = pattern;
    }
    ~false_machine() {
        std::error_code ignored;
        std::filesystem::remove_all(root_, ignored);
    }
    false_machine(false_machine const&) = delete;
    false_machine& operator=(false_machine const&) = delete;

    /// \param path as the machine has it, absolute.
    false_machine& file(std::string const& path, std::string const& content) {
        auto where = below(path);
        std::filesystem::create_directories(where.parent_path());
        std::ofstream{where} << content;
        return *this;
    }
    /// A folder where a file is expected: it is there, and cannot be read, not even by root.
    false_machine& unreadable(std::string const& path) {
        std::filesystem::create_directories(below(path));
        return *this;
    }

    machine read() const { return read_machine(root_); }
    std::filesystem::path const& root() const noexcept { return root_; }

  private:
    std::filesystem::path below(std::string const& path) const {
        return root_ / std::filesystem::path{path}.relative_path();
    }

    std::filesystem::path root_;
};

} // namespace millipede::test
