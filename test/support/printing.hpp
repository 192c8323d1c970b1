// SPDX-License-Identifier: BSL-1.0
// How Boost.Test prints the library's codes.
#pragma once

#include <millipede/base/error.hpp>

#include <ostream>

namespace millipede {

inline std::ostream& boost_test_print_type(std::ostream& stream, errc code) {
    return stream << make_error_code(code).message();
}
inline std::ostream& boost_test_print_type(std::ostream& stream, close_reason reason) {
    return stream << make_error_condition(reason).message();
}

} // namespace millipede
