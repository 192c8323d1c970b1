// SPDX-License-Identifier: BSL-1.0
#include "channels/questions.hpp"

#include <new>
#include <utility>

namespace comet {

std::uint32_t questions::issue(subscription& which, std::string channel) {
    auto ticket = ++newest_;
    waiting_.insert_or_assign(ticket, question{&which, std::move(channel)});
    return ticket;
}

subscription* questions::answered(std::uint32_t ticket) noexcept {
    auto found = waiting_.find(ticket);
    if (found != waiting_.end()) {
        auto* which = found->second.which;
        waiting_.erase(found);
        which->is_asking = false;
        return which;
    }
    if (auto taken_back = withdrawn_.find(ticket); taken_back != withdrawn_.end()) {
        auto count = counts_.find(taken_back->second.value());
        withdrawn_.erase(taken_back);
        if (--count->second == 0) counts_.erase(count);
    }
    return nullptr;
}

void questions::withdraw(subscription& which) noexcept {
    if (!which.is_asking) return;
    forget(which);
    auto whose = which.owner().id;
    auto noted = withdrawn_.end();
    try {
        noted = withdrawn_.emplace(which.ticket, whose).first;
        ++counts_[whose.value()];
    } catch (std::bad_alloc const&) { // it is not counted, then
        if (noted != withdrawn_.end()) withdrawn_.erase(noted);
    }
}

void questions::forget(subscription& which) noexcept {
    if (std::exchange(which.is_asking, false)) waiting_.erase(which.ticket);
}

std::uint32_t questions::withdrawn(millipede::connection_id whose) const noexcept {
    auto found = counts_.find(whose.value());
    return found == counts_.end() ? 0 : found->second;
}

void questions::withdraw_all(subscriber& who) noexcept {
    who.for_each_subscription([&](subscription& each) { withdraw(each); });
}

std::string_view questions::channel(subscription const& which) const {
    return waiting_.at(which.ticket).channel;
}

} // namespace comet
