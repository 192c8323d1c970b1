// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "channels/limits.hpp"
#include "channels/message.hpp"

#include <millipede/wire/payload.hpp>

#include <boost/intrusive/list.hpp>

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace comet {

/// What becomes of a subscription's user.
enum class arrival : std::uint8_t {
    first,   ///< He was not there before: others may be told.
    known,   ///< He was, or had left a moment ago.
    unknown, ///< There are too many: the subscription counts as one without a name.
};

/// What tells of a channel's users: made once for all who ask meanwhile, as there may be many of
/// them, and many users.
struct told_users {
    sequence next = 0; ///< The number that the messages say.
    std::vector<millipede::payload> objects{};
};

/// Who attends the channels of one worker: the users that subscriptions name, and how many of each
/// channel's are whose. Who has left counts as there until he has been away for so long. It costs
/// nothing for subscriptions without a name; a second costs those who are gone by then. One thread.
class attendance {
  public:
    /// \param kept users of all channels and workers
    attendance(channel_limits const& limits, std::atomic<std::uint32_t>& kept) noexcept
        : limits_{&limits}, kept_{&kept} {}
    attendance(attendance const&) = delete;
    attendance& operator=(attendance const&) = delete;
    ~attendance();

    /// A subscription of a user's, to the channel of that serial. Never fails: without memory he is
    /// unknown.
    arrival joined(std::uint32_t serial, millipede::payload const& channel,
                   std::string_view user) noexcept;
    /// It has ended. \returns whether he is gone: at once, as nobody lingers. False for whom it
    /// does not know.
    bool left(std::uint32_t serial, std::string_view user) noexcept;

    /// A second has passed. Calls `f(channel's name, user)` for each who is gone.
    template <class F>
    void tick(F f) {
        ++now_;
        while (!lingering_.empty() && now_ - lingering_.front().left_tick > limits_->user_linger) {
            auto& gone = lingering_.front();
            auto channel = gone.where->name;
            std::string user{gone.user};
            forget(gone);
            f(channel, user);
        }
    }

    /// A channel has ended. Calls `f(user)` for each of its users, who are gone.
    template <class F>
    void ended(std::uint32_t serial, F f) {
        auto found = rolls_.find(serial);
        if (found == rolls_.end()) return;
        auto gone = rolls_.extract(found);
        kept_->fetch_sub(static_cast<std::uint32_t>(gone.mapped().users.size()),
                         std::memory_order_relaxed);
        for (auto const& [user, each] : gone.mapped().users)
            f(user);
    }

    /// Calls `f(user, subscriptions)` for each user of a channel, by name; 0 for who lingers.
    template <class F>
    void for_each(std::uint32_t serial, F f) const {
        auto found = rolls_.find(serial);
        if (found == rolls_.end()) return;
        for (auto const& [user, each] : found->second.users)
            f(user, each.subscriptions);
    }

    /// What tells of a channel's users, as `make(user)` puts it: of so many, by name. The same as
    /// before as long as nobody has come or gone, and the number is the same. Null: there are none.
    template <class F>
    std::shared_ptr<told_users const> told(std::uint32_t serial, sequence next, std::size_t most,
                                           F make) {
        auto found = rolls_.find(serial);
        if (found == rolls_.end()) return nullptr;
        auto& whose = found->second;
        if (whose.told && whose.told->next == next) return whose.told;
        auto made = std::make_shared<told_users>();
        made->next = next;
        for (auto const& [user, each] : whose.users) {
            if (made->objects.size() == most) break;
            made->objects.push_back(make(user));
        }
        whose.told = made;
        return made;
    }

  private:
    struct roll;
    using link = boost::intrusive::link_mode<boost::intrusive::auto_unlink>;
    struct attendee : boost::intrusive::list_base_hook<link> { // on the list while he lingers
        roll* where = nullptr;
        std::string_view user{}; // its key
        std::uint32_t subscriptions = 0;
        std::uint32_t left_tick = 0;
    };
    struct roll {
        millipede::payload name; ///< The channel's.
        std::uint32_t serial = 0;
        std::map<std::string, attendee, std::less<>> users;
        std::shared_ptr<told_users const> told{}; ///< Null when it has to be made.
    };

    arrival add(std::uint32_t serial, millipede::payload const& channel, std::string_view user);
    void forget(attendee& gone) noexcept;

    channel_limits const* limits_;
    std::atomic<std::uint32_t>* kept_;
    boost::intrusive::list<attendee, boost::intrusive::constant_time_size<false>> lingering_;
    std::unordered_map<std::uint32_t, roll> rolls_;
    std::uint32_t now_ = 0;
};

} // namespace comet
