// SPDX-License-Identifier: BSL-1.0
#include "audience.hpp"

#include <array>
#include <utility>

namespace comet {
namespace {

// Each delivery is a system call: so many before others have their turn.
constexpr std::uint32_t slice = 128;

} // namespace

void audiences::join(subscriber& who, channel_key key, millipede::payload const& name) {
    auto& room = rooms_[key.value()];
    if (room.present.empty()) {
        room.key = key;
        room.name = name;
    }
    who.listens_to = &room;
    room.present.push_back(who);
    heard(who);
}

void audiences::leave(subscriber& who) {
    auto* room = std::exchange(who.listens_to, nullptr);
    if (!room) return;
    who.by_channel.unlink();
    who.by_silence.unlink();
    out_->left(room->key, room->name, 1);
    drop_if_empty(*room);
}

void audiences::take(channel_key key, channel_event event) {
    tasks_.push_back({key, std::move(event)});
    if (!is_working_) work();
}

void audiences::work() {
    auto budget = slice;
    while (budget != 0 && (room_ || begin_next()))
        deliver(budget);
    if (budget != 0) tell_silent(budget);
    is_working_ = false; // unless it will be called again: nobody else would, if that failed
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
    while (!pending_.empty() && budget != 0) {
        --budget;
        deliver(pending_.front());
    }
    // Before the next slice: those who have been served may come back meanwhile.
    if (auto ended = std::exchange(ended_, 0)) out_->left(room_->key, room_->name, ended);
    if (!pending_.empty()) return;
    auto& room = *std::exchange(room_, nullptr);
    end_task();
    drop_if_empty(room);
}

void audiences::deliver(subscriber& to) {
    auto const& event = tasks_.front().event;
    bool closes = event.type == message_type::close;
    pending_.pop_front();
    room_->present.push_back(to);
    // Who came while messages waited here may have got some of them already.
    if (!closes && distance(to.from, event.number) < 0) return;
    to.from = following(event.number);
    ++delivered_;
    bool goes_on = !closes && is_endless(to.how);
    out_->send(to, bytes_for(to), goes_on);
    if (goes_on) return heard(to);
    ++ended_;
    end_poll(to);
}

// Out of the room, which somebody else counts.
void audiences::end_poll(subscriber& served) {
    served.by_channel.unlink();
    served.by_silence.unlink();
    served.listens_to = nullptr;
    out_->finished(served);
}

void audiences::end_task() {
    auto bytes = tasks_.front().event.bytes();
    tasks_.pop_front();
    last_ = {};
    out_->done(bytes);
}

millipede::payload audiences::bytes_for(subscriber const& to) {
    auto frame = to.frame();
    bool same = last_.is_made && last_.frame.how == frame.how &&
                last_.frame.chunked == frame.chunked && last_.callback == frame.callback;
    if (same) return last_.bytes;
    auto const& event = tasks_.front().event;
    std::array<std::string_view, 2> objects{text_of(event.object), text_of(event.next_seq)};
    std::string text;
    append_messages(text, frame, {objects.data(), event.next_seq.empty() ? 1U : 2U}, false);
    if (!is_endless(frame.how) || event.type == message_type::close) append_end(text, frame);
    last_.frame = {frame.how, frame.chunked, {}};
    last_.callback = frame.callback;
    last_.bytes = millipede::payload{millipede::as_bytes(text)};
    last_.is_made = true;
    return last_.bytes;
}

void audiences::tick() {
    ++now_;
    if (!is_working_) work();
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
    auto& room = *to.listens_to;
    auto object = message_object(message_type::noop, text_of(room.name), to.noop, "");
    to.noop = following(to.noop);
    std::array<std::string_view, 1> objects{object};
    std::string text;
    append_messages(text, to.frame(), objects, false);
    if (!is_endless(to.how)) append_end(text, to.frame());
    ++noops_;
    out_->send(to, millipede::payload{millipede::as_bytes(text)}, is_endless(to.how));
    if (is_endless(to.how)) return heard(to);
    end_poll(to);
    out_->left(room.key, room.name, 1);
    drop_if_empty(room);
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
