// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "support/wait.hpp"

#include <millipede/base/log.hpp>

#include <unistd.h>

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

namespace test {

/// Logging into a file of its own, for tests that look at what was logged. While it lives, servers
/// log to it.
class captured_log {
  public:
    explicit captured_log(millipede::severity level = millipede::info)
        : path_{std::filesystem::temp_directory_path() /
                ("millipede-test-" + std::to_string(::getpid()) + ".log")},
          logs_{millipede::log_options{.level = level, .file = path_.string()}} {}
    ~captured_log() {
        millipede::set_log_level(millipede::info);
        std::error_code ignored;
        std::filesystem::remove(path_, ignored);
    }
    captured_log(captured_log const&) = delete;
    captured_log& operator=(captured_log const&) = delete;

    std::string text() {
        logs_.flush();
        std::ifstream file{path_};
        return {std::istreambuf_iterator<char>{file}, {}};
    }
    std::size_t count(std::string_view part) {
        auto all = text();
        std::size_t found = 0;
        for (auto at = all.find(part); at != std::string::npos; at = all.find(part, at + 1))
            ++found;
        return found;
    }
    /// Whether that is logged before the deadline.
    bool says(std::string_view part) {
        return eventually([&] { return count(part) > 0; });
    }

  private:
    std::filesystem::path path_;
    millipede::logging logs_;
};

} // namespace test
