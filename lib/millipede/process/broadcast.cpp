// SPDX-License-Identifier: BSL-1.0
// How a broadcast comes to all workers, or to none.
#include <millipede/process/basic_server.hpp>

#include <utility>
#include <vector>

namespace millipede {

error_code basic_server::broadcast(payload const& message) {
    return broadcast(message, default_overflow());
}

error_code basic_server::broadcast(payload const& message, overflow_policy policy) {
    return begin_broadcast([&] { return std::make_unique<detail::broadcast>(message, policy); });
}

error_code
basic_server::begin_broadcast(std::function<std::unique_ptr<detail::broadcast>()> const& make) {
    if (!started_) return errc::not_running;
    auto& workers = *workers_;
    // All that may fail comes first.
    std::vector<std::unique_ptr<detail::broadcast_mail>> letters;
    for (std::uint32_t index = 0; index < workers.size(); ++index)
        letters.push_back(std::make_unique<detail::broadcast_mail>(make()));
    for (std::uint32_t index = 0; index < workers.size(); ++index)
        if (!letters[index]->enter(workers[index].broadcasts())) return errc::mailbox_full;
    bool any = false;
    for (std::uint32_t index = 0; index < workers.size(); ++index)
        any |= !workers[index].post_admitted(std::move(letters[index])).failed();
    return any ? error_code{} : errc::not_running;
}

} // namespace millipede
