// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/base/error.hpp>

namespace millipede::detail {

/// The category of OpenSSL's own errors; its name is "millipede.tls".
boost::system::error_category const& tls_category() noexcept;

/// The first of the errors that OpenSSL has put down for this thread, all of which are forgotten:
/// the later ones only tell whom the first one met.
error_code take_tls_error() noexcept;

} // namespace millipede::detail
