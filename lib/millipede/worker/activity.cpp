// SPDX-License-Identifier: BSL-1.0
#include <millipede/worker/activity.hpp>

#include <iomanip>
#include <sstream>

namespace millipede::detail {

std::string describe(activity what) {
    switch (what) {
    case activity::engine:
        return "the engine itself";
    case activity::message:
        return "the handler of a message";
    case activity::opening:
        return "on_open";
    case activity::closing:
        return "on_close";
    case activity::overflowing:
        return "on_overflow";
    case activity::draining:
        return "on_drain";
    case activity::timing_out:
        return "on_message_timeout";
    case activity::filtering:
        return "the filter of a broadcast";
    case activity::request:
        return "a function of post()";
    case activity::function:
        return "a function on its executor";
    }
    std::ostringstream text;
    text << "the handler of command 0x" << std::hex << std::setw(4) << std::setfill('0')
         << static_cast<std::uint32_t>(what);
    return text.str();
}

} // namespace millipede::detail
