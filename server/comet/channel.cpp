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
    auto name = text_of(name_);
    auto next_seq = [&](sequence number) {
        return shared(message_object(message_type::next_seq, name, number, ""));
    };
    bool all = wanted == everything;
    if (wanted == 0 || (!all && distance(next_, wanted) > 0)) {
        opening.objects.push_back(next_seq(next_));
        return opening;
    }
    if (wanted == next_ || !history_) return opening;
    for (auto const& each : history_->messages) {
        if (!all && distance(wanted, each.number) < 0) continue;
        opening.objects.push_back(each.object);
        if (each.is_broadcast) opening.objects.push_back(next_seq(following(each.number)));
    }
    opening.batch = true;
    return opening;
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
