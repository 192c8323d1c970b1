// SPDX-License-Identifier: BSL-1.0
#include "pid_file.hpp"

#include "common/settings_table.hpp"

#include <filesystem>
#include <fstream>

#include <unistd.h>

void refuse_beside_another(std::string const& pid_file) {
    std::error_code failure;
    auto kind = std::filesystem::symlink_status(pid_file, failure).type();
    if (pid_file.empty() || kind == std::filesystem::file_type::not_found) return;
    std::ifstream stream{pid_file};
    pid_t number = 0;
    if (stream >> number && number == ::getppid()) return; // which hands over to us
    throw usage_error{pid_file + " exists; stop the process whose number is in it, or "
                                 "remove what one that was killed has left"};
}
