// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/process/heritage.hpp>

#include <sys/types.h>

#include <string>
#include <utility>
#include <vector>

namespace millipede::detail {

/// How this process was started: enough to start it again, from the file that stands there then.
class own_program {
  public:
    /// As the kernel tells it; a relative path counts from the folder that the process is in now.
    /// Where the program was called by a name alone, it is looked for in PATH when it is started.
    /// \throws boost::system::system_error
    static own_program of_process();
    /// Another one, for tests. The first argument is the program's own name, as ever.
    own_program(std::string path, std::vector<std::string> arguments)
        : path_{std::move(path)}, arguments_{std::move(arguments)} {}

    /// What will be started.
    std::string const& path() const noexcept { return path_; }
    std::vector<std::string> const& arguments() const noexcept { return arguments_; }

    /// Starts it with the heirlooms and the channel as its descriptors from 3 on, and no others but
    /// the standard ones; with this environment but what was said in it to this process alone; with
    /// no signal blocked. The descriptors stay open here. Safe beside other threads: nothing of
    /// ours runs between fork and exec. \returns its process id.
    /// \throws boost::system::system_error
    pid_t start(std::vector<heirloom> const& heirlooms, int channel) const;

  private:
    std::string path_;
    std::vector<std::string> arguments_;
};

} // namespace millipede::detail
