// SPDX-License-Identifier: BSL-1.0
#include "channels/registry.hpp"

#include <algorithm>

namespace comet {
namespace {

// Seconds: who lives longer is looked at once in so many.
constexpr std::size_t wheel_size = 1'024;

// icomet's tests of numbers are for less than zero; a life for ever has to end somewhere, too.
constexpr std::uint32_t idle_max = 0x3fff'ffff;

} // namespace

registry::registry(channel_limits const& limits, channel_totals& all)
    : limits_{&limits},
      all_{&all},
      wheel_(wheel_size),
      phases_(std::max<std::uint32_t>(limits.channel_timeout, 1)) {}

registry::~registry() {
    channels_.clear(); // before the lists that they are on
}

channel* registry::find(std::string_view name) noexcept {
    auto found = channels_.find(name);
    if (found == channels_.end()) return nullptr;
    drop_expired(found->second);
    return &found->second;
}

channel* registry::make(std::string_view name) {
    if (all_->channels.fetch_add(1, std::memory_order_relaxed) >= limits_->channels_max) {
        all_->channels.fetch_sub(1, std::memory_order_relaxed);
        return nullptr;
    }
    try {
        millipede::payload shared_name{millipede::as_bytes(name)};
        auto [place, made] = channels_.try_emplace(shared_name, shared_name, newest_ + 1);
        auto& channel = place->second;
        ++newest_;
        phases_[now_ % phases_.size()].push_back(channel);
        set_idle(channel, limits_->channel_timeout);
        return &channel;
    } catch (...) {
        all_->channels.fetch_sub(1, std::memory_order_relaxed);
        throw;
    }
}

void registry::free(channel& ended) noexcept {
    if (walk_next_ == &ended) advance_walk();
    all_->channels.fetch_sub(1, std::memory_order_relaxed);
    clear(ended);
    auto name = ended.name(); // the key must outlive its entry
    channels_.erase(channels_.find(name));
}

channel_event registry::add(channel& to, message_type type, std::string_view content,
                            std::uint32_t ttl_seconds) {
    drop_expired(to);
    bool full = all_->history_bytes.load(std::memory_order_relaxed) >= limits_->history_max;
    auto before = to.kept_bytes();
    auto last_tick = ttl_seconds == 0 ? std::nullopt : std::optional{now_ + ttl_seconds};
    auto event = to.add(type, content, full ? 0 : limits_->buffer_size, last_tick);
    all_->history_bytes.fetch_add(to.kept_bytes() - before, std::memory_order_relaxed); // wraps
    return event;
}

void registry::clear(channel& forgetful) noexcept {
    all_->history_bytes.fetch_sub(forgetful.kept_bytes(), std::memory_order_relaxed);
    forgetful.clear();
}

void registry::drop_expired(channel& touched) noexcept {
    auto before = touched.kept_bytes();
    touched.drop_expired(now_);
    all_->history_bytes.fetch_sub(before - touched.kept_bytes(), std::memory_order_relaxed);
}

void registry::lift(channel& used) noexcept {
    auto least = limits_->channel_timeout;
    if (!used.interests_.empty())
        used.idle_ = std::max(used.idle_, least);
    else if (auto until = now_ + least + 1; static_cast<std::int32_t>(until - used.idle_) > 0)
        used.idle_ = until; // the wheel finds out when it comes to the old moment
}

void registry::set_idle(channel& signed_for, std::uint32_t seconds) noexcept {
    seconds = std::min(seconds, idle_max);
    if (signed_for.interests_.empty())
        end_at(signed_for, now_ + seconds + 1);
    else
        signed_for.idle_ = seconds;
}

void registry::end_at(channel& unused, std::uint32_t tick) noexcept {
    unused.idle_ = tick;
    unused.by_deadline_.unlink();
    wheel_[tick % wheel_.size()].push_back(unused);
}

void registry::joined(channel& with, std::uint32_t worker) {
    bool first = with.interests_.empty();
    with.joined(worker);
    if (!first) return;
    auto left = static_cast<std::int32_t>(with.idle_ - now_) - 1;
    with.idle_ = std::max(static_cast<std::uint32_t>(std::max(left, 0)), limits_->channel_timeout);
}

void registry::left(channel& without, std::uint32_t worker, std::uint32_t count) noexcept {
    if (without.interests_.empty()) return;
    without.left(worker, count);
    if (without.interests_.empty()) end_at(without, now_ + without.idle_ + 1);
}

void registry::follow_timeout() {
    std::size_t wanted = std::max<std::uint32_t>(limits_->channel_timeout, 1);
    if (wanted == phases_.size() || walk_next_) return;
    std::vector<phase_list> anew(wanted);
    for (auto& phase : phases_)
        while (!phase.empty()) {
            auto& each = phase.front();
            phase.pop_front();
            anew[each.serial_ % wanted].push_back(each); // evenly, whatever it was before
        }
    phases_.swap(anew);
}

void registry::begin_walk() noexcept {
    walk_newest_ = newest_;
    walk_phase_ = 0;
    walk_next_ = phases_.front().empty() ? nullptr : &phases_.front().front();
    if (!walk_next_) skip_empty_phases();
}

// To the first one of the next phase that has any.
void registry::skip_empty_phases() noexcept {
    while (++walk_phase_ < phases_.size())
        if (!phases_[walk_phase_].empty()) {
            walk_next_ = &phases_[walk_phase_].front();
            return;
        }
}

void registry::advance_walk() noexcept {
    auto behind = ++phases_[walk_phase_].iterator_to(*walk_next_);
    walk_next_ = behind == phases_[walk_phase_].end() ? nullptr : &*behind;
    if (!walk_next_) skip_empty_phases();
}

channel* registry::next_in_walk() noexcept {
    while (walk_next_) {
        auto& found = *walk_next_;
        advance_walk();
        if (static_cast<std::int32_t>(found.serial_ - walk_newest_) <= 0) return &found;
    }
    return nullptr;
}

} // namespace comet
