// SPDX-License-Identifier: BSL-1.0
#include "channels/questions.hpp"

#include <utility>

namespace comet {

std::uint32_t questions::issue(subscription& which, std::string channel) {
    auto ticket = ++newest_;
    waiting_.insert_or_assign(ticket, question{&which, std::move(channel)});
    return ticket;
}

subscription* questions::answered(std::uint32_t ticket) noexcept {
    auto found = waiting_.find(ticket);
    if (found == waiting_.end()) return nullptr;
    auto* which = found->second.which;
    waiting_.erase(found);
    which->is_asking = false;
    return which;
}

void questions::withdraw(subscription& which) noexcept {
    if (std::exchange(which.is_asking, false)) waiting_.erase(which.ticket);
}

void questions::withdraw_all(subscriber& who) noexcept {
    who.for_each_subscription([&](subscription& each) { withdraw(each); });
}

std::string_view questions::channel(subscription const& which) const {
    return waiting_.at(which.ticket).channel;
}

} // namespace comet
