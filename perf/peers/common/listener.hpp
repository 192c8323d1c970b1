// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "common/descriptor.hpp"
#include "common/endpoint.hpp"

namespace peers {

/// A non-blocking listening socket. What it accepts has TCP_NODELAY: Linux hands the option on.
/// \throws usage_error if the place is taken or not ours
descriptor listen_on(endpoint const& place);

/// Prints the line that tells others where, and that, this program can be reached.
void announce(int listener);

} // namespace peers
