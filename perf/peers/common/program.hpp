// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "common/options.hpp"

namespace peers {

/// A subject's main: reads the command line, raises the limit of descriptors as far as it goes and
/// serves until told to end. Failures become one line; returns the exit status: 0, 2 for what the
/// user has to change, 1 for everything else.
int run_program(subject const& about, int argument_count, char const* const* arguments,
                void (*serve)(options const&));

} // namespace peers
