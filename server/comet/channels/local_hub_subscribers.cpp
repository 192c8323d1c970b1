// SPDX-License-Identifier: BSL-1.0
// The local hub's subscribers: what their worker asks the channel's, and what becomes of the
// answer.
#include "channels/desk.hpp"
#include "channels/local_hub.hpp"

#include <new>
#include <utility>
#include <vector>

namespace comet {

bool local_hub::subscribe(subscriber& who, channel_item asked) {
    auto& home = desk_of(asked.cname);
    auto& here = *desks_[who.id.worker()];
    if (here.asking.withdrawn(who.id) >= here.limits.channels_per_connection) return false;
    auto& which = who.free_subscription();
    try {
        which.ticket = here.asking.issue(which, asked.cname);
    } catch (std::bad_alloc const&) {
        who.release(which);
        throw;
    }
    which.is_asking = true;
    question what{std::move(asked), here.index, which.ticket, is_endless(who.how), {}};
    if (who.more && here.limits.presence != presence_level::none) what.user = who.more->user;
    bool posted =
        !server_.post_to(home.index, [this, &home, what = std::move(what)] { decide(home, what); });
    if (posted) return true;
    here.asking.forget(which);
    who.release(which);
    return false;
}

subscription* local_hub::find(desk const& here, subscriber& who, std::string_view channel) {
    subscription* found = nullptr;
    who.for_each_subscription([&](subscription& each) {
        if ((each.is_asking ? here.asking.channel(each) : text_of(each.listens_to->name)) ==
            channel)
            found = &each;
    });
    return found;
}

bool local_hub::is_subscribed(subscriber& who, std::string_view channel) const {
    return find(*desks_[who.id.worker()], who, channel) != nullptr;
}

bool local_hub::unsubscribe(subscriber& who, std::string_view channel) {
    auto& here = *desks_[who.id.worker()];
    auto* found = find(here, who, channel);
    if (!found) return false;
    here.asking.withdraw(*found); // the verdict finds nobody, and takes the count back
    here.present.leave(*found);
    who.release(*found);
    return true;
}

void local_hub::attend(subscriber& who) {
    desks_[who.id.worker()]->present.attend(who);
}

void local_hub::leave(subscriber& who) {
    auto& here = *desks_[who.id.worker()];
    here.asking.withdraw_all(who); // first: it cannot fail, and verdicts must not find who is gone
    here.present.leave(who);
    if (who.more) who.more->others.clear();
}

void local_hub::decide(desk& home, question const& asked) {
    auto& there = *desks_[asked.worker];
    verdict decided{.worker = asked.worker, .ticket = asked.ticket};
    try {
        judge(home, asked, decided);
        if (!server_.post_to_admitted(
                there.index, [this, &there, decided]() mutable { carry_out(there, decided); }))
            return;
    } catch (std::bad_alloc const&) {
        home.give_up(there, asked.ticket);
        take_back(home, decided);
        throw;
    }
    take_back(home, decided);
}

// Nobody will know of it.
void local_hub::take_back(desk& home, verdict& decided) {
    if (decided.joins)
        count_gone(home, decided.key, text_of(decided.name), decided.worker, decided.taken_back());
}

void local_hub::judge(desk& home, question const& asked, verdict& decided) {
    auto const& wanted = asked.what;
    auto refuse = [&](counted what, message_type type, std::string_view why) {
        ++counters_.at(home.index, what);
        auto object = message_object(type, wanted.cname, 0, why);
        decided.opening.messages.push_back({millipede::payload{millipede::as_bytes(object)}});
    };
    auto* found = home.owned.find(wanted.cname);
    if (!found && !home.limits.needs_token) {
        found = obtain(home, wanted.cname);
        if (!found)
            return refuse(counted::channels_full, message_type::too_many, "Too many channels");
    }
    if (!found || (home.limits.needs_token && !found->admits(wanted.token)))
        return refuse(counted::bad_tokens, message_type::bad_token, "Token error");
    if (found->subscribers() >= home.limits.subscribers_max)
        return refuse(counted::subscribers_full, message_type::too_many, "Too many subscribers");
    home.owned.lift(*found);
    decided.opening = wanted.epoch ? found->open_marked(wanted.seq, *wanted.epoch, asked.endless)
                                   : found->open(wanted.seq);
    if (asked.endless || decided.opening.messages.empty()) {
        decided.key = {home.index, found->serial()};
        decided.name = found->name();
        home.owned.joined(*found, asked.worker);
        ++home.subscribers;
        decided.joins = true; // from now on to be taken back whatever fails
    }
    welcome(home, *found, asked, decided);
}

void local_hub::carry_out(desk& here, verdict& decided) {
    auto* which = here.asking.answered(decided.ticket);
    if (!which) {
        if (decided.joins) here.left(decided.key, decided.name, decided.taken_back());
        return;
    }
    auto& who = which->owner();
    try {
        let_in(here, *which, decided);
    } catch (std::bad_alloc const&) { // then it is in no audience
        here.give_up(who);
        if (decided.joins) here.left(decided.key, decided.name, decided.taken_back());
        throw;
    }
}

void local_hub::let_in(desk& here, subscription& which, verdict& decided) {
    auto& who = which.owner();
    if (!who.terms.chunked) who.terms.keep_alive = false; // the end of the stream is the reply's
    // Who polls again gets the head with the message: that saves a system call for each.
    bool waits = !is_endless(who.how) && decided.opening.messages.empty() && who.is_known;
    std::string text;
    if (!waits && !std::exchange(who.is_begun, true))
        text = subscription_head(who.how, who.terms, here.limits.reply_fields);
    auto frame = who.frame(decided.key.serial);
    std::vector<framed_message> messages;
    for (auto const& each : decided.opening.messages)
        messages.push_back({text_of(each.object), each.position});
    if (decided.present)
        for (auto const& each : decided.present->objects)
            messages.push_back({text_of(each)});
    append_messages(text, frame, messages, decided.opening.batch);
    bool ends =
        !decided.joins && is_reply(who.how) && (!is_endless(who.how) || !who.has_subscriptions());
    if (ends) append_end(text, frame);
    which.from = decided.opening.from;
    which.is_named = !decided.user.empty();
    which.wants_presence = decided.wants_presence;
    if (!text.empty()) here.send(who, millipede::payload{millipede::as_bytes(text)}, false);
    if (decided.joins) return here.present.join(which, decided.key, decided.name);
    if (!ends) return who.release(which);
    here.present.leave(who);
    here.finished(who);
}

void local_hub::count_gone(desk& home, channel_key key, std::string_view name, std::uint32_t worker,
                           departure const& gone) {
    auto* found = home.owned.find(name);
    if (!found || found->serial() != key.serial) return; // closed: counted there
    home.subscribers -= gone.count;
    home.owned.left(*found, worker, gone.count);
    for (auto const& user : gone.users)
        if (home.guests.left(key.serial, user))
            tell_of_user(home, *found, user, message_type::leave);
}

} // namespace comet
