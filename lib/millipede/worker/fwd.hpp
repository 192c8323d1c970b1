// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/base/error.hpp>

namespace millipede {
class basic_connection;
}

namespace millipede::detail {
class worker;
class protocol;
class output;
class input;
struct connection_record;
} // namespace millipede::detail
