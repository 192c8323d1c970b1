// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <string>

/// Refuses to start beside a server that runs, as icomet does: by its pid file. The file may have
/// the number of the process that started this one to take its place. Empty: there is no file.
/// \throws usage_error
void refuse_beside_another(std::string const& pid_file);
