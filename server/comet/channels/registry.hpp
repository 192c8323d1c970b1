// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "channels/channel.hpp"
#include "channels/limits.hpp"

#include <boost/intrusive/list.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace comet {

/// What the registries of all workers have together.
struct channel_totals {
    std::atomic<std::uint32_t> channels{0};
    std::atomic<std::size_t> history_bytes{0};
};

/// The channels that live on one worker: found by name, and freed when nobody has wanted them for
/// long. Time is counted in ticks of a second; a tick costs what it frees, and a look at each
/// channel once in 17 minutes, or when its time was to be over and has been lengthened. One thread.
class registry {
  public:
    /// \param all over all workers, as are the limits.
    registry(channel_limits const& limits, channel_totals& all);
    registry(registry const&) = delete;
    registry& operator=(registry const&) = delete;
    ~registry();

    /// Null when there is none of that name. What is kept in vain it forgets at this occasion.
    channel* find(std::string_view name) noexcept;
    /// A new one, of a name that has none. Null when there are too many.
    channel* make(std::string_view name);
    /// Frees it.
    void free(channel& ended) noexcept;
    std::size_t size() const noexcept { return channels_.size(); }

    /// A message for it. \param content has been escaped. \param ttl_seconds for so long at least,
    /// and a second longer at most, it is replayed; 0: as long as it is kept.
    channel_event add(channel& to, message_type type, std::string_view content,
                      std::uint32_t ttl_seconds = 0);
    /// Has it forget its messages.
    void clear(channel& forgetful) noexcept;
    /// Somebody has used it: it lives for `channel_timeout` at least.
    void lift(channel& used) noexcept;
    /// It lives for so many seconds without subscribers, be it less than before.
    void set_idle(channel& signed_for, std::uint32_t seconds) noexcept;
    /// Its subscribers, who keep it alive.
    void joined(channel& with, std::uint32_t worker);
    void left(channel& without, std::uint32_t worker, std::uint32_t count) noexcept;

    /// A second has passed. Calls `f(channel&)` for each whose time is over, and frees it.
    template <class F>
    void tick(F f) {
        ++now_;
        auto& bucket = wheel_[now_ % wheel_.size()];
        deadline_list due;
        due.splice(due.end(), bucket);
        while (!due.empty()) {
            auto& each = due.front();
            due.pop_front();
            if (!each.interests_.empty()) continue; // back when the last of them leaves
            if (static_cast<std::int32_t>(each.idle_ - now_) > 0) {
                wheel_[each.idle_ % wheel_.size()].push_back(each);
                continue;
            }
            f(each);
            free(each);
        }
    }

    /// `channel_timeout` may have changed: `for_each_in_phase` goes by it from now on; while there
    /// is a walk it stays as it was. Then it costs a look at each channel. \throws std::bad_alloc,
    /// and nothing has changed
    void follow_timeout();
    /// Right behind a tick: calls `f(channel const&)` for those that were made a whole number of
    /// `channel_timeout` ago, or when that has changed, in each such time once.
    template <class F>
    void for_each_in_phase(F f) const {
        for (auto const& each : phases_[now_ % phases_.size()])
            f(each);
    }

    /// A walk over all that there are now, in several goes: `next_in_walk()` is each of them once,
    /// those freed meanwhile left out, then null. One walk at a time.
    void begin_walk() noexcept;
    channel* next_in_walk() noexcept;

  private:
    struct name_hasher {
        using is_transparent = void;
        std::size_t operator()(std::string_view name) const { return name_hash(name); }
        std::size_t operator()(millipede::payload const& name) const {
            return name_hash(text_of(name));
        }
    };
    struct name_equal {
        using is_transparent = void;
        static std::string_view text(std::string_view name) noexcept { return name; }
        static std::string_view text(millipede::payload const& name) noexcept {
            return text_of(name);
        }
        template <class Left, class Right>
        bool operator()(Left const& left, Right const& right) const noexcept {
            return text(left) == text(right);
        }
    };
    using unsized = boost::intrusive::constant_time_size<false>;
    using deadline_list = boost::intrusive::list<
        channel, boost::intrusive::member_hook<channel, channel::hook, &channel::by_deadline_>,
        unsized>;
    using phase_list = boost::intrusive::list<
        channel, boost::intrusive::member_hook<channel, channel::hook, &channel::by_phase_>,
        unsized>;

    void drop_expired(channel& touched) noexcept;
    void end_at(channel& unused, std::uint32_t tick) noexcept;
    void advance_walk() noexcept;
    void skip_empty_phases() noexcept;

    channel_limits const* limits_;
    channel_totals* all_;
    std::vector<deadline_list> wheel_;
    std::vector<phase_list> phases_; // by the tick that they were made in
    std::unordered_map<millipede::payload, channel, name_hasher, name_equal> channels_;
    std::uint32_t now_ = 0;
    // Serial: not where another life of this server began, so that clients can tell the two.
    std::uint32_t newest_ = std::random_device{}();
    // The walk: what comes next, and the newest that belongs to it.
    std::size_t walk_phase_ = 0;
    channel* walk_next_ = nullptr;
    std::uint32_t walk_newest_ = 0;
};

} // namespace comet
