// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/base/options.hpp>

namespace millipede::detail {

/// Sets on a listener what Linux hands on to the sockets accepted from it (TCP_NODELAY, keepalive,
/// TCP_USER_TIMEOUT): no system call per connection.
/// \throws boost::system::system_error
void set_inherited_options(int listener, options const& limits);

} // namespace millipede::detail
