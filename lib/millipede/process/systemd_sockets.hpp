// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <string_view>
#include <vector>

namespace millipede::detail {

/// The descriptors of that name, or all for an empty one, that systemd has handed over to this very
/// process, by the protocol of sd_listen_fds(3): LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES in the
/// environment, descriptors from 3 on. None when it has not, or says what cannot be.
std::vector<int> systemd_sockets(std::string_view name);

} // namespace millipede::detail
