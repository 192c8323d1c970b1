// SPDX-License-Identifier: BSL-1.0
// How groups are made, joined, left and sent to.
#include <millipede/process/basic_server.hpp>

#include <millipede/worker/connection.hpp>
#include <millipede/worker/group_errands.hpp>

#include <memory>
#include <stdexcept>
#include <utility>
#include <vector>

namespace millipede {

using detail::membership_change;

group basic_server::make_group() {
    return group{boost::intrusive_ptr{new detail::group_state{limits_.workers, this}}};
}

group basic_server::group_named(std::string_view name) {
    return group{group_names_.find_or_make(name, [this] { return make_group().state_; })};
}

error_code basic_server::join(group const& room, connection_id who) {
    return change(room, who, membership_change::kind::joins);
}
error_code basic_server::join(group const& room, basic_connection const& who) {
    return join(room, who.id());
}

error_code basic_server::leave(group const& room, connection_id who) {
    return change(room, who, membership_change::kind::leaves);
}
error_code basic_server::leave(group const& room, basic_connection const& who) {
    return leave(room, who.id());
}

void basic_server::require_own(group const& room) const {
    if (!room.state_) throw std::invalid_argument{"no group"};
    if (room.state_->owner() != this) throw std::invalid_argument{"a group of another server"};
}

error_code basic_server::change(group const& room, connection_id who,
                                membership_change::kind what) {
    require_own(room);
    auto* home = started_ ? workers_->find(who.worker()) : nullptr;
    if (!home) return started_ ? errc::stale_connection : errc::not_running;
    if (home == detail::worker::current() && !home->pool().find(who)) return errc::stale_connection;
    auto letter = std::make_unique<detail::broadcast_mail>(
        std::make_unique<membership_change>(room.state_, who, what));
    if (!letter->enter(home->membership_changes())) return errc::mailbox_full;
    return home->post_admitted(std::move(letter));
}

error_code basic_server::send(group const& room, payload const& message) {
    return send(room, message, default_overflow());
}

error_code basic_server::send(group const& room, payload const& message, overflow_policy policy) {
    require_own(room);
    if (!started_) return errc::not_running;
    auto& workers = *workers_;
    // All that may fail comes first.
    std::vector<std::pair<detail::worker*, std::unique_ptr<detail::broadcast_mail>>> letters;
    for (std::uint32_t index = 0; index < workers.size(); ++index)
        if (room.state_->concerns(index))
            letters.emplace_back(&workers[index], std::make_unique<detail::broadcast_mail>(
                                                      std::make_unique<detail::group_send>(
                                                          room.state_, message, policy)));
    for (auto& [recipient, letter] : letters)
        if (!letter->enter(recipient->broadcasts())) return errc::mailbox_full;
    bool any = letters.empty();
    for (auto& [recipient, letter] : letters)
        any |= !recipient->post_admitted(std::move(letter)).failed();
    return any ? error_code{} : errc::not_running;
}

} // namespace millipede
