// SPDX-License-Identifier: BSL-1.0
#include <millipede/worker/group_errands.hpp>

#include <millipede/worker/worker.hpp>

#include <new>

namespace millipede::detail {

bool group_send::begin(worker& on) noexcept {
    auto& part = of().on(on.index());
    if (part.members.empty() && part.waiting == 0) return false;
    wait_at(part);
    return true;
}

// From behind: who joins meanwhile comes last in the list, and does not get it.
bool group_send::advance(worker& on, walk_slice& left) {
    auto& part = of().on(on.index());
    if (!std::exchange(walks_, true)) part.unsent = static_cast<std::uint32_t>(part.members.size());
    while (part.unsent != 0 && !left.over()) {
        auto& record = on.pool().all()[part.members[--part.unsent].slot];
        left.look();
        if (on.deliver(record, message_, policy_)) left.deliver(message_.size());
    }
    return part.unsent == 0;
}

membership_change::membership_change(boost::intrusive_ptr<group_state> of, connection_id who,
                                     kind what) noexcept
    : group_errand{std::move(of)}, who_{who}, what_{what} {
    if (what_ == kind::joins)
        this->of().on(who_.worker()).expected.fetch_add(1, std::memory_order_relaxed);
}

membership_change::~membership_change() {
    if (what_ == kind::joins && !joined_)
        of().on(who_.worker()).expected.fetch_sub(1, std::memory_order_relaxed);
}

bool membership_change::begin(worker& on) noexcept {
    auto& part = of().on(on.index());
    if (part.waiting == 0) {
        apply(on);
        return false;
    }
    wait_at(part);
    return true;
}

bool membership_change::advance(worker& on, walk_slice&) {
    apply(on);
    return true;
}

void membership_change::apply(worker& on) noexcept {
    auto* record = on.pool().find(who_);
    if (!record) {
        ++on.mutable_counters().stale_requests;
        return;
    }
    try {
        if (what_ == kind::joins)
            joined_ = on.groups().join(of(), who_.slot());
        else
            on.groups().leave(of(), who_.slot());
    } catch (std::bad_alloc const&) { // it would miss what it counts on
        on.out().request_close(*record, errc::no_memory);
    }
}

} // namespace millipede::detail
