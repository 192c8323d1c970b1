// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/process/machine.hpp>
#include <millipede/process/machine_files.hpp>

namespace millipede::detail {

/// Adds what control groups, of version 1, 2 or both, let this process have: memory, tasks and
/// processors, of its own group and of all around it that can be seen from here.
void read_control_groups(machine_files& files, machine& found);

} // namespace millipede::detail
