// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <filesystem>
#include <stdexcept>
#include <string>

#include <stdlib.h>

namespace test {

/// A folder of the test's own, which goes with it; its path is short enough for sockets.
class folder {
  public:
    folder() {
        std::string name = "/tmp/millipede-XXXXXX";
        if (!::mkdtemp(name.data())) throw std::runtime_error{"mkdtemp"};
        path_ = name;
    }
    ~folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    folder(folder const&) = delete;
    folder& operator=(folder const&) = delete;

    std::string operator/(std::string const& name) const { return path_ / name; }

  private:
    std::filesystem::path path_;
};

} // namespace test
