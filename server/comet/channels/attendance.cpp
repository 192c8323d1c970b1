// SPDX-License-Identifier: BSL-1.0
#include "channels/attendance.hpp"

#include <new>

namespace comet {

attendance::~attendance() {
    rolls_.clear(); // before the list that they are on
}

arrival attendance::joined(std::uint32_t serial, millipede::payload const& channel,
                           std::string_view user) noexcept {
    try {
        return add(serial, channel, user);
    } catch (std::bad_alloc const&) {
        return arrival::unknown;
    }
}

arrival attendance::add(std::uint32_t serial, millipede::payload const& channel,
                        std::string_view user) {
    auto found = rolls_.find(serial);
    if (found != rolls_.end()) {
        auto& users = found->second.users;
        if (auto known = users.find(user); known != users.end()) {
            known->second.unlink();
            ++known->second.subscriptions;
            return arrival::known;
        }
        if (users.size() >= limits_->users_per_channel_max) return arrival::unknown;
    }
    if (kept_->fetch_add(1, std::memory_order_relaxed) >= limits_->users_max) {
        kept_->fetch_sub(1, std::memory_order_relaxed);
        return arrival::unknown;
    }
    try {
        if (found == rolls_.end()) {
            found = rolls_.try_emplace(serial).first;
            found->second.name = channel;
            found->second.serial = serial;
        }
        auto [place, added] = found->second.users.try_emplace(std::string{user});
        place->second.where = &found->second;
        place->second.user = place->first;
        place->second.subscriptions = 1;
        found->second.told.reset();
        return arrival::first;
    } catch (...) {
        if (found != rolls_.end() && found->second.users.empty()) rolls_.erase(found);
        kept_->fetch_sub(1, std::memory_order_relaxed);
        throw;
    }
}

bool attendance::left(std::uint32_t serial, std::string_view user) noexcept {
    auto found = rolls_.find(serial);
    if (found == rolls_.end()) return false;
    auto known = found->second.users.find(user);
    if (known == found->second.users.end() || known->second.subscriptions == 0) return false;
    auto& who = known->second;
    if (--who.subscriptions != 0) return false;
    if (limits_->user_linger == 0) {
        forget(who);
        return true;
    }
    who.left_tick = now_;
    lingering_.push_back(who);
    return false;
}

void attendance::forget(attendee& gone) noexcept {
    auto& where = *gone.where;
    where.users.erase(where.users.find(gone.user));
    where.told.reset();
    kept_->fetch_sub(1, std::memory_order_relaxed);
    if (where.users.empty()) rolls_.erase(where.serial);
}

} // namespace comet
