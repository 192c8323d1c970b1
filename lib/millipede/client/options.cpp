// SPDX-License-Identifier: BSL-1.0
#include <millipede/client/options.hpp>

#include <millipede/base/options.hpp>
#include <millipede/wire/frame.hpp>

namespace millipede {
namespace {

using std::chrono::milliseconds;

// So far ahead that nobody waits for it, and near enough that sums of times do not overflow.
constexpr milliseconds time_max = std::chrono::hours{24 * 365};

void check_time(char const* name, milliseconds value, milliseconds least) {
    if (value < least || value > time_max)
        throw invalid_option{name, std::to_string(value.count()) + " ms is not in " +
                                       std::to_string(least.count()) + " ms to a year"};
}

} // namespace

client_options validated(client_options wanted) {
    check_time("connect_timeout", wanted.connect_timeout, milliseconds{1});
    check_time("request_timeout", wanted.request_timeout, milliseconds{0});
    check_time("heartbeat_interval", wanted.heartbeat_interval, milliseconds{0});
    check_time("heartbeat_timeout", wanted.heartbeat_timeout, milliseconds{1});
    if (wanted.heartbeat_command >= reserved_commands_begin)
        throw invalid_option{"heartbeat_command", "the commands from 0xfffc on are reserved"};
    if (wanted.requests_max == 0)
        throw invalid_option{"requests_max", "0 would refuse every request"};
    if (wanted.reconnect) {
        check_time("reconnect.base", wanted.reconnect->base, milliseconds{1});
        check_time("reconnect.cap", wanted.reconnect->cap, wanted.reconnect->base);
        check_time("reconnect.come_back_max", wanted.reconnect->come_back_max, milliseconds{0});
    }
    return wanted;
}

} // namespace millipede
