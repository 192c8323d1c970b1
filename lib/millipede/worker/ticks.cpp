// SPDX-License-Identifier: BSL-1.0
#include <millipede/worker/ticks.hpp>

#include <millipede/base/rate_limit.hpp>

#include <algorithm>

namespace millipede::detail {

using namespace std::chrono_literals;

std::chrono::milliseconds tick_length_for(options const& limits) noexcept {
    auto length = std::min<std::chrono::milliseconds>(1s, limits.linger_timeout / 2);
    for (auto timeout :
         {limits.idle_timeout, limits.write_timeout, limits.handshake_timeout,
          limits.first_message_timeout, limits.message_timeout, limits.heartbeat_interval})
        if (timeout > 0ms) length = std::min(length, timeout / 8);
    if (limits.stall_after > 0ms) length = std::min(length, limits.stall_after / 4); // a beat each
    for (rate_limit rate : {rate_limit{limits.messages_per_second, limits.messages_burst},
                            rate_limit{limits.bytes_per_second, limits.bytes_burst}})
        if (rate.on())
            length = std::min({length, std::chrono::milliseconds{100},
                               std::chrono::floor<std::chrono::milliseconds>(rate.fill_time())});
    return std::max<std::chrono::milliseconds>(length, 10ms);
}

std::uint32_t ticks_of(std::chrono::milliseconds timeout,
                       std::chrono::milliseconds length) noexcept {
    if (timeout <= 0ms) return 0;
    return static_cast<std::uint32_t>((timeout + length - 1ms) / length) + 1;
}

} // namespace millipede::detail
