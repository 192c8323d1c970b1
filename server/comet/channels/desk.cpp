// SPDX-License-Identifier: BSL-1.0
#include "channels/desk.hpp"

#include <boost/asio/post.hpp>

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
    using connection = comet_server::connection_type;
    if (!served.terms.keep_alive)
        hub_->server_.post(served.id, [](connection& each) { each.close(); });
    else if (served.behind)
        hub_->server_.post(served.id, [](connection& each) {
            each->behind = false;
            each.resume_receiving();
        });
}

void local_hub::desk::left(channel_key key, millipede::payload const& name, departure gone) {
    auto& home = *hub_->desks_[key.worker];
    if (gone.users.empty()) // most have none: a small message
        others.tell(key.worker, [hub = hub_, &home, key, name, count = gone.count, from = index] {
            hub->count_gone(home, key, text_of(name), from, departure{count});
        });
    else
        others.tell(key.worker,
                    [hub = hub_, &home, key, name, gone = std::move(gone), from = index] {
                        hub->count_gone(home, key, text_of(name), from, gone);
                    });
}

void local_hub::desk::done(std::size_t bytes) {
    waiting_bytes.fetch_sub(bytes, std::memory_order_relaxed);
    hub_->counters_.at(index, counted::delivered) = present.delivered();
}

void local_hub::desk::again() {
    boost::asio::post(hub_->server_.get_executor(index), [this] { present.work(); });
}

} // namespace comet
