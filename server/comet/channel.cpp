// SPDX-License-Identifier: BSL-1.0
#include "channel.hpp"

#include <algorithm>
#include <limits>

namespace comet {
namespace {

millipede::payload shared(std::string_view text) {
    return millipede::payload{millipede::as_bytes(text)};
}

// This one subscriber of icomet's meant "everything" by an overflow; clients may rely on it.
constexpr sequence everything = std::numeric_limits<sequence>::min();

} // namespace

channel_event channel::add(message_type type, std::string_view content, std::uint32_t buffer_size) {
    auto name = text_of(name_);
    bool is_broadcast = type == message_type::broadcast;
    channel_event made{type, next_, shared(message_object(type, name, next_, content)), {}};
    if (is_broadcast)
        made.next_seq = shared(message_object(message_type::next_seq, name, following(next_), ""));
    if (!history_) history_ = std::make_unique<history>();
    auto& kept = history_->messages;
    kept.push_back({made.object, next_, is_broadcast});
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

channel_event channel::closing() const {
    return {message_type::close,
            next_,
            shared(message_object(message_type::close, text_of(name_), next_, "")),
            {}};
}

channel_opening channel::open(sequence wanted) const {
    channel_opening opening{.from = next_};
    bool all = wanted == everything;
    if (wanted == 0 || (!all && distance(next_, wanted) > 0)) {
        auto object = message_object(message_type::next_seq, text_of(name_), next_, "");
        opening.messages.push_back({shared(object), preceding(next_)});
        return opening;
    }
    if (wanted == next_ || kept() == 0) return opening;
    append_kept(opening, all ? history_->messages.front().number : wanted);
    opening.batch = true;
    return opening;
}

channel_opening channel::open_marked(sequence wanted, std::string_view known, bool always) const {
    channel_opening opening{.from = next_};
    auto own = epoch_text(serial_);
    auto oldest_kept = kept() == 0 ? next_ : history_->messages.front().number;
    bool all = wanted == everything;
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
    if (always || wanted == 0 || type == message_type::gap || known != own) {
        auto object = marker_object(type, text_of(name_), first, why, serial_);
        opening.messages.push_back({shared(object), preceding(first)});
    }
    if (first != next_) append_kept(opening, first);
    opening.batch = opening.messages.size() > 1 || (first != next_ && !opening.messages.empty());
    return opening;
}

void channel::append_kept(channel_opening& opening, sequence from) const {
    for (auto const& each : history_->messages) {
        if (distance(from, each.number) < 0) continue;
        opening.messages.push_back({each.object, each.number});
        if (!each.is_broadcast) continue;
        auto object =
            message_object(message_type::next_seq, text_of(name_), following(each.number), "");
        opening.messages.push_back({shared(object), each.number});
    }
}

sequence channel::oldest() const noexcept {
    constexpr std::size_t told_max = 10;
    return static_cast<sequence>(static_cast<std::uint32_t>(next_) -
                                 static_cast<std::uint32_t>(std::min(kept(), told_max)));
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
