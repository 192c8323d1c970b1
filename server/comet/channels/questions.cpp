// SPDX-License-Identifier: BSL-1.0
#include "channels/questions.hpp"

#include <new>
#include <utility>

namespace comet {

std::uint32_t questions::issue(subscription& which, std::string channel) {
    auto ticket = ++newest_;
    waiting_.insert_or_assign(ticket, question{&which, which.owner().id, std::move(channel)});
    return ticket;
}

subscription* questions::answered(std::uint32_t ticket) noexcept {
    auto found = waiting_.find(ticket);
    if (found == waiting_.end()) return nullptr;
    auto* which = found->second.which;
    if (!which) {
        auto counted = withdrawn_.find(found->second.whose.value());
        if (counted != withdrawn_.end() && --counted->second == 0) withdrawn_.erase(counted);
    }
    waiting_.erase(found);
    if (which) which->is_asking = false;
    return which;
}

void questions::withdraw(subscription& which) noexcept {
    if (!std::exchange(which.is_asking, false)) return;
    auto found = waiting_.find(which.ticket);
    try {
        ++withdrawn_[found->second.whose.value()];
        found->second.which = nullptr;
    } catch (std::bad_alloc const&) { // it is not counted, then
        waiting_.erase(found);
    }
}

void questions::forget(subscription& which) noexcept {
    if (std::exchange(which.is_asking, false)) waiting_.erase(which.ticket);
}

std::uint32_t questions::withdrawn(millipede::connection_id whose) const noexcept {
    auto found = withdrawn_.find(whose.value());
    return found == withdrawn_.end() ? 0 : found->second;
}

void questions::withdraw_all(subscriber& who) noexcept {
    who.for_each_subscription([&](subscription& each) { withdraw(each); });
}

std::string_view questions::channel(subscription const& which) const {
    return waiting_.at(which.ticket).channel;
}

} // namespace comet
