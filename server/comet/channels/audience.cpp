// SPDX-License-Identifier: BSL-1.0
#include "channels/audience.hpp"

#include <array>
#include <new>
#include <utility>

namespace comet {
namespace {

// All transports, in chunks or not, polls with and without a head; callbacks have no end.
constexpr std::size_t framings_max = 12;

// The terms of the reply's head, when that is sent with the message.
std::optional<reply_terms> head_of(subscriber const& to) {
    if (is_endless(to.how) || to.is_begun) return std::nullopt;
    return to.terms;
}

} // namespace

void departure::add(subscription& which) {
    if (which.is_named) users.push_back(which.owner().more->user);
    ++count;
}

void audiences::join(subscription& which, channel_key key, millipede::payload const& name) {
    auto& room = rooms_[key.value()];
    if (room.present.empty()) {
        room.key = key;
        room.name = name;
    }
    which.listens_to = &room;
    room.put(which);
    heard(which.owner());
}

void audiences::leave(subscription& which) {
    auto* room = which.listens_to;
    if (!room) return;
    which.listens_to = nullptr;
    which.by_channel.unlink();
    departure gone;
    try {
        gone.add(which);
    } catch (std::bad_alloc const&) { // then its user stays, but nobody counts it
        gone.count = 1;
    }
    out_->left(room->key, room->name, std::move(gone));
    drop_if_empty(*room);
}

void audiences::leave(subscriber& who) {
    who.by_silence.unlink();
    who.for_each_subscription([&](subscription& each) { leave(each); });
}

void audiences::work() {
    is_working_ = false; // unless it will be called again: nobody else would, if something failed
    auto budget = slice;
    while (budget != 0 && (room_ || begin_next()))
        deliver(budget);
    if (budget != 0) tell_silent(budget);
    if (budget != 0) return;
    out_->again();
    is_working_ = true;
}

// The next task whose room has somebody in it.
bool audiences::begin_next() {
    while (!tasks_.empty()) {
        auto found = rooms_.find(tasks_.front().key.value());
        if (found != rooms_.end()) {
            room_ = &found->second;
            pending_.splice(pending_.end(), room_->present);
            return true;
        }
        end_task();
    }
    return false;
}

void audiences::deliver(std::uint32_t& budget) {
    bool for_all = !tasks_.front().event.is_presence();
    while (!pending_.empty() && budget != 0) {
        if (!for_all && !pending_.front().wants_presence) { // nor do those behind it
            room_->present.splice(room_->present.end(), pending_);
            break;
        }
        --budget;
        auto& who = pending_.front().owner();
        try {
            deliver(pending_.front());
        } catch (std::bad_alloc const&) { // it would miss a message and not know
            out_->give_up(who);
        }
    }
    // Before the next slice: those who have been served may come back meanwhile.
    if (ended_.count != 0) out_->left(room_->key, room_->name, std::exchange(ended_, {}));
    if (!pending_.empty()) return;
    auto& room = *std::exchange(room_, nullptr);
    end_task();
    drop_if_empty(room);
}

void audiences::deliver(subscription& to) {
    auto const& event = tasks_.front().event;
    bool closes = event.type == message_type::close;
    pending_.pop_front();
    room_->put(to);
    // Who came while messages waited here may have got some of them already.
    if (!closes && distance(to.from, event.number) < 0) return;
    if (!event.is_presence()) to.from = following(event.number);
    ++delivered_;
    auto& who = to.owner();
    if (closes || !is_endless(who.how)) return deliver_last(to);
    out_->send(who, bytes_for(who, false), true);
    heard(who);
}

// With it the subscription ends, and with the last one the reply, if it is one.
void audiences::deliver_last(subscription& to) {
    auto& who = to.owner();
    count_out(to);
    bool ends = !is_endless(who.how) || (is_reply(who.how) && !who.has_subscriptions());
    out_->send(who, bytes_for(who, ends), false);
    if (ends) return end(who);
    who.release(to);
    heard(who);
}

// Out of the room; where the channel lives it is told with the others.
void audiences::count_out(subscription& served) {
    ended_.add(served);
    served.by_channel.unlink();
    served.listens_to = nullptr;
}

void audiences::end(subscriber& served) {
    leave(served);
    out_->finished(served);
}

void audiences::end_task() {
    auto bytes = tasks_.front().event.bytes();
    tasks_.pop_front();
    made_.clear();
    oldest_made_ = 0;
    out_->done(bytes);
}

millipede::payload audiences::bytes_for(subscriber const& to, bool ends) {
    auto frame = to.frame(room_->key.serial);
    auto bare = frame;
    bare.callback = {};
    auto head = head_of(to);
    for (auto const& each : made_)
        if (each.frame == bare && each.ends == ends && each.head == head &&
            each.callback == frame.callback)
            return each.bytes;
    auto bytes = frame_event(frame, head, ends);
    note({bare, std::string{frame.callback}, head, ends, bytes});
    return bytes;
}

millipede::payload audiences::frame_event(framing const& frame,
                                          std::optional<reply_terms> const& head, bool ends) const {
    auto const& event = tasks_.front().event;
    auto position = event.position();
    std::array<framed_message, 2> messages{
        {{text_of(event.object), position}, {text_of(event.next_seq), position}}};
    std::string text;
    if (head) text = subscription_head(frame.how, *head, limits_->reply_fields);
    append_messages(text, frame, {messages.data(), event.next_seq.empty() ? 1U : 2U}, false);
    if (ends) append_end(text, frame);
    return millipede::payload{millipede::as_bytes(text)};
}

void audiences::note(framed made) {
    if (made_.size() < framings_max) return made_.push_back(std::move(made));
    made_[oldest_made_] = std::move(made);
    oldest_made_ = (oldest_made_ + 1) % framings_max;
}

void audiences::tick() {
    ++now_;
    go_on();
}

void audiences::tell_silent(std::uint32_t& budget) {
    while (!by_silence_.empty() && budget != 0) {
        auto& longest = by_silence_.front();
        if (now_ - longest.heard_tick <= limits_->polling_timeout) return;
        --budget;
        send_noop(longest);
    }
}

void audiences::send_noop(subscriber& to) {
    std::string_view name; // of any of its channels: most have one
    std::uint32_t epoch = 0;
    to.for_each_subscription([&](subscription& each) {
        if (!each.listens_to) return;
        name = text_of(each.listens_to->name);
        epoch = each.listens_to->key.serial;
    });
    auto frame = to.frame(epoch);
    bool ends = !is_endless(to.how);
    std::string text;
    if (auto head = head_of(to)) text = subscription_head(to.how, *head, limits_->reply_fields);
    append_noop(text, frame, name, to.noop);
    if (ends) append_end(text, frame);
    to.noop = following(to.noop);
    ++noops_;
    out_->send(to, millipede::payload{millipede::as_bytes(text)}, !ends);
    if (ends) return end(to);
    heard(to);
}

void audiences::heard(subscriber& who) noexcept {
    who.heard_tick = now_;
    who.by_silence.unlink();
    by_silence_.push_back(who);
}

void audiences::drop_if_empty(audience& room) {
    if (&room != room_ && room.present.empty()) rooms_.erase(room.key.value());
}

} // namespace comet
