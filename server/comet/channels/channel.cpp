// SPDX-License-Identifier: BSL-1.0
#include "channels/channel.hpp"

#include <algorithm>
#include <limits>

namespace comet {
namespace {

millipede::payload shared(std::string_view text) {
    return millipede::payload{millipede::as_bytes(text)};
}

// With this one subscribers of icomet meant "everything" by an overflow; clients may rely on it.
// But it is the number behind the greatest, too: where that has been given away it is meant.
bool means_everything(sequence wanted, sequence next) noexcept {
    return wanted == std::numeric_limits<sequence>::min() && next >= 0;
}

// Ticks wrap, too.
bool is_past(std::uint32_t tick, std::uint32_t now) noexcept {
    return static_cast<std::int32_t>(now - tick) > 0;
}

} // namespace

channel_event channel::add(message_type type, std::string_view content, std::uint32_t buffer_size,
                           std::optional<std::uint32_t> last_tick) {
    auto name = text_of(name_);
    bool is_broadcast = type == message_type::broadcast;
    channel_event made{type, next_, shared(message_object(type, name, next_, content)), {}};
    if (is_broadcast)
        made.next_seq = shared(message_object(message_type::next_seq, name, following(next_), ""));
    if (!history_) history_ = std::make_unique<history>();
    auto& kept = history_->messages;
    kept.push_back(
        {made.object, next_, last_tick.value_or(0), last_tick.has_value(), is_broadcast});
    if (last_tick) history_->ends_at(*last_tick);
    history_->bytes += kept.back().bytes();
    if (2 * kept.size() >= 3 * std::size_t{buffer_size}) {
        auto surplus = kept.size() - std::min<std::size_t>(kept.size(), buffer_size);
        auto end = kept.begin() + static_cast<std::ptrdiff_t>(surplus);
        for (auto each = kept.begin(); each != end; ++each)
            history_->bytes -= each->bytes();
        kept.erase(kept.begin(), end);
    }
    next_ = following(next_);
    return made;
}

void channel::history::ends_at(std::uint32_t tick) noexcept {
    if (!any_ends || is_past(tick, first_end)) first_end = tick;
    any_ends = true;
}

void channel::drop_expired(std::uint32_t now) noexcept {
    if (!history_ || !history_->any_ends || !is_past(history_->first_end, now)) return;
    history_->any_ends = false;
    for (auto& each : history_->messages) {
        if (!each.ends || each.is_expired()) continue;
        if (!is_past(each.last_tick, now)) {
            history_->ends_at(each.last_tick);
            continue;
        }
        history_->bytes -= each.bytes();
        each.object = {};
        history_->bytes += each.bytes();
    }
}

channel_event channel::closing() const {
    return {message_type::close,
            next_,
            shared(message_object(message_type::close, text_of(name_), next_, "")),
            {}};
}

channel_opening channel::open(sequence wanted) const {
    channel_opening opening{.from = next_};
    bool all = means_everything(wanted, next_);
    if (wanted == 0 || (!all && distance(next_, wanted) > 0)) {
        auto object = message_object(message_type::next_seq, text_of(name_), next_, "");
        opening.messages.push_back({shared(object), preceding(next_)});
        return opening;
    }
    if (wanted == next_ || kept() == 0) return opening;
    append_kept(opening, all ? history_->messages.front().number : wanted, false);
    opening.batch = true;
    return opening;
}

channel_opening channel::open_marked(sequence wanted, std::string_view known, bool always) const {
    channel_opening opening{.from = next_};
    auto own = epoch_text(serial_);
    auto oldest_kept = kept() == 0 ? next_ : history_->messages.front().number;
    bool all = means_everything(wanted, next_);
    bool restarted = (!known.empty() && known != own) || (!all && distance(next_, wanted) > 0);
    auto type = message_type::open;
    std::string_view why;
    auto first = wanted;
    if (wanted == 0) {
        first = next_;
    } else if (restarted || all || distance(wanted, oldest_kept) > 0) {
        first = oldest_kept;
        if (!all || restarted) type = message_type::gap;
        if (type == message_type::gap) why = restarted ? "restarted" : "expired";
    }
    auto behind_expired = first_kept_from(first);
    if (always || wanted == 0 || type == message_type::gap || known != own ||
        first != behind_expired) {
        first = behind_expired;
        opening.messages.push_back(marker(type, first, why));
    }
    if (first != next_) append_kept(opening, first, true);
    opening.batch = opening.messages.size() > 1 || (first != next_ && !opening.messages.empty());
    return opening;
}

opening_message channel::marker(message_type type, sequence first, std::string_view why) const {
    return {shared(marker_object(type, text_of(name_), first, why, serial_)), preceding(first)};
}

sequence channel::first_kept_from(sequence wanted) const noexcept {
    if (history_)
        for (auto const& each : history_->messages)
            if (!each.is_expired() && distance(wanted, each.number) >= 0) return each.number;
    return next_;
}

void channel::append_kept(channel_opening& opening, sequence from, bool marked) const {
    auto expected = from;
    auto go_on_at = [&](sequence number) {
        if (marked && expected != number)
            opening.messages.push_back(marker(message_type::open, number, ""));
    };
    for (auto const& each : history_->messages) {
        if (each.is_expired() || distance(from, each.number) < 0) continue;
        go_on_at(each.number);
        expected = following(each.number);
        opening.messages.push_back({each.object, each.number});
        if (!each.is_broadcast) continue;
        auto object = message_object(message_type::next_seq, text_of(name_), expected, "");
        opening.messages.push_back({shared(object), each.number});
    }
    go_on_at(next_);
}

sequence channel::oldest() const noexcept {
    constexpr std::size_t told_max = 10;
    auto told = std::min(kept(), told_max);
    while (told != 0 && history_->messages.end()[-static_cast<std::ptrdiff_t>(told)].is_expired())
        --told;
    return static_cast<sequence>(static_cast<std::uint32_t>(next_) -
                                 static_cast<std::uint32_t>(told));
}

token const& channel::own_token() {
    if (!token_) token_ = std::make_unique<token>(token::make());
    return *token_;
}

std::uint32_t channel::subscribers() const noexcept {
    std::uint32_t total = 0;
    for (auto const& each : interests_)
        total += each.count;
    return total;
}

void channel::joined(std::uint32_t worker) {
    auto found = std::find_if(interests_.begin(), interests_.end(),
                              [&](interest const& each) { return each.worker == worker; });
    if (found == interests_.end())
        interests_.push_back({worker, 1});
    else
        ++found->count;
}

void channel::left(std::uint32_t worker, std::uint32_t count) noexcept {
    auto found = std::find_if(interests_.begin(), interests_.end(),
                              [&](interest const& each) { return each.worker == worker; });
    if (found == interests_.end()) return;
    found->count -= std::min(found->count, count);
    if (found->count == 0) interests_.erase(found);
}

} // namespace comet
