// SPDX-License-Identifier: BSL-1.0
#include <millipede/worker/processor.hpp>

#include <sched.h>

#include <cerrno>

namespace millipede::detail {

error_code pin_this_thread(std::uint32_t number) noexcept {
    auto failure = [] { return error_code{errno, boost::system::system_category()}; };
    cpu_set_t allowed;
    CPU_ZERO(&allowed);
    if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0) return failure();
    auto turns = number % static_cast<std::uint32_t>(CPU_COUNT(&allowed));
    std::size_t processor = 0;
    while (!CPU_ISSET(processor, &allowed) || turns-- != 0)
        ++processor;
    cpu_set_t only;
    CPU_ZERO(&only);
    CPU_SET(processor, &only);
    return ::sched_setaffinity(0, sizeof only, &only) == 0 ? error_code{} : failure();
}

} // namespace millipede::detail
