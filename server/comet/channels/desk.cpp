// SPDX-License-Identifier: BSL-1.0
#include "channels/desk.hpp"

#include <boost/asio/post.hpp>

#include <new>
#include <utility>

namespace comet {

void local_hub::desk::send(subscriber& to, millipede::payload bytes, bool may_be_lost) {
    if (may_be_lost) // by the server's policy, whatever that is now
        hub_->server_.send(to.id, std::move(bytes));
    else
        hub_->server_.send(to.id, std::move(bytes), millipede::overflow_policy::close);
}

void local_hub::desk::finished(subscriber& served) {
    asking.withdraw_all(served); // of other channels
    served.busy = served.endless = served.is_begun = false;
    served.is_known = true;
    served.more.reset();
    if (!served.terms.keep_alive)
        hub_->server_.visit(served.id, [](millipede::basic_connection& each) { each.close(); });
    else if (std::exchange(served.behind, false))
        hub_->server_.visit(served.id,
                            [](millipede::basic_connection& each) { each.resume_receiving(); });
}

void local_hub::desk::give_up(subscriber& who) noexcept {
    hub_->server_.visit(
        who.id, [](millipede::basic_connection& each) { each.close(millipede::errc::no_memory); });
}

void local_hub::desk::left(channel_key key, millipede::payload const& name, departure gone) {
    auto& home = *hub_->desks_[key.worker];
    auto tell = [&](auto f) { hub_->server_.post_to_admitted(key.worker, std::move(f)); };
    try {
        if (gone.users.empty()) // most have none: a small message
            tell([hub = hub_, &home, key, name, count = gone.count, from = index] {
                hub->count_gone(home, key, text_of(name), from, departure{count});
            });
        else // a copy, as it may have to be told once more
            tell([hub = hub_, &home, key, name, gone, from = index] {
                hub->count_gone(home, key, text_of(name), from, gone);
            });
    } catch (std::bad_alloc const&) {
        if (unsaid.size() == unsaid_max) throw;
        unsaid.push_back({key, name, std::move(gone)});
    }
}

void local_hub::desk::give_up(desk& there, std::uint32_t ticket) noexcept {
    try {
        hub_->server_.post_to_admitted(there.index, [&there, ticket] {
            if (auto* which = there.asking.answered(ticket)) there.give_up(which->owner());
        });
    } catch (std::bad_alloc const&) {
        if (to_give_up.size() < unsaid_max) to_give_up.push_back({&there, ticket});
    }
}

void local_hub::desk::retry() noexcept {
    for (auto count = to_give_up.size(); count != 0; --count) {
        auto late = to_give_up.back();
        to_give_up.pop_back();
        give_up(*late.there, late.ticket);
        if (to_give_up.size() == count) return; // back again: there is no memory yet
    }
    for (auto count = unsaid.size(); count != 0; --count) {
        auto late = std::move(unsaid.back());
        unsaid.pop_back();
        left(late.key, late.name, std::move(late.gone));
        if (unsaid.size() == count) return;
    }
}

void local_hub::desk::done(std::size_t bytes) {
    waiting_bytes->fetch_sub(bytes, std::memory_order_relaxed);
    hub_->counters_.at(index, counted::delivered) = present.delivered();
}

void local_hub::desk::again() {
    boost::asio::post(hub_->server_.get_executor(index), [this] { present.work(); });
}

} // namespace comet
