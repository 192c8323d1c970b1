// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "fuzz/target.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <string>
#include <string_view>

namespace fuzz {

/// A file with a name, for what reads files by name, without a disk.
class memory_file {
  public:
    memory_file() : descriptor_{::memfd_create("fuzz", MFD_CLOEXEC)} {
        require(descriptor_ >= 0, "memfd_create");
    }
    ~memory_file() { ::close(descriptor_); }
    memory_file(memory_file const&) = delete;
    memory_file& operator=(memory_file const&) = delete;

    void assign(std::string_view content) {
        require(::ftruncate(descriptor_, 0) == 0, "ftruncate");
        auto written = ::pwrite(descriptor_, content.data(), content.size(), 0);
        require(written == static_cast<ssize_t>(content.size()), "pwrite");
    }
    std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

  private:
    int descriptor_;
};

} // namespace fuzz
