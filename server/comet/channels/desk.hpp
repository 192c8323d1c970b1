// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "channels/attendance.hpp"
#include "channels/local_hub.hpp"
#include "channels/questions.hpp"

#include <boost/asio/steady_timer.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace comet {

/// What a worker keeps for the hub: the channels that live there, and the subscribers that are
/// there. Its thread alone, but for `waiting_bytes`.
class local_hub::desk final : public outlet {
  public:
    struct watcher {
        millipede::connection_id id;
        bool chunked;
        bool with_users;
        std::function<void()> look_again; ///< Null: it is on another worker.
    };

    desk(local_hub& hub, std::uint32_t worker)
        : limits{hub.live_.of(worker).channels},
          owned{limits, hub.all_},
          guests{limits, hub.users_},
          present{limits, *this},
          index{worker},
          hub_{&hub} {
        unsaid.reserve(unsaid_max);
        to_give_up.reserve(unsaid_max);
    }

    void send(subscriber& to, millipede::payload bytes, bool may_be_lost) override;
    void finished(subscriber& served) override;
    void give_up(subscriber& who) noexcept override;
    void left(channel_key key, millipede::payload const& name, departure gone) override;
    void done(std::size_t bytes) override;
    void again() override;
    /// Ends who has asked from another desk, with that ticket: there is no memory to answer him.
    void give_up(desk& there, std::uint32_t ticket) noexcept;
    /// Says what is `unsaid`.
    void retry() noexcept;

    channel_limits const& limits; ///< May be others after a tick.
    registry owned;
    attendance guests; ///< Of the channels that live here.
    audiences present;
    std::uint32_t index;
    questions asking;
    std::vector<watcher> watchers;
    std::deque<std::string> broadcasts;                  ///< The first is under way.
    bool walks = false;                                  ///< `walk` will be called.
    bool walk_begun = false;                             ///< The registry's, for the first of them.
    millipede::single_writer<std::uint64_t> subscribers; ///< Of the channels that live here.
    /// Of messages on their way here, or waiting here for subscribers.
    std::shared_ptr<std::atomic<std::size_t>> waiting_bytes =
        std::make_shared<std::atomic<std::size_t>>(0);
    std::optional<boost::asio::steady_timer> tick_timer;
    std::optional<boost::asio::steady_timer> walk_timer;
    std::chrono::steady_clock::time_point next_tick{};

  private:
    // Who has left, while there was no memory to tell where the channel lives: or else it would
    // count them for ever. Beyond so many it does.
    struct late_departure {
        channel_key key;
        millipede::payload name;
        departure gone;
    };
    // Who is to be ended, the same.
    struct unanswered {
        desk* there;
        std::uint32_t ticket;
    };
    static constexpr std::size_t unsaid_max = 1'024;
    std::vector<late_departure> unsaid;
    std::vector<unanswered> to_give_up;

    local_hub* hub_;
};

/// What a subscriber's worker asks the channel's.
struct local_hub::question {
    channel_item what;
    std::uint32_t worker; ///< The subscriber's.
    std::uint32_t ticket;
    bool endless;
    std::string user; ///< Empty: none.
};

/// The answer.
struct local_hub::verdict {
    std::uint32_t worker = 0; ///< The subscriber's.
    std::uint32_t ticket = 0;
    channel_key key{};
    millipede::payload name{};
    channel_opening opening{};
    /// What follows it, for who wants presence. Others may have the same; null: nothing.
    std::shared_ptr<told_users const> present{};
    bool joins = false; ///< It has been counted as a subscriber.
    bool wants_presence = false;
    std::string user{}; ///< As whose; empty: it counts as nobody's.

    /// Leaves it without its user.
    departure taken_back() noexcept;
};

/// Bytes of a message on its way to a worker: they count there from now on, until this has gone or
/// they have `arrived`. It may outlive the hub, in a mailbox of a worker that has ended.
class load {
  public:
    load(std::shared_ptr<std::atomic<std::size_t>> there, std::size_t bytes) noexcept
        : there_{std::move(there)}, bytes_{bytes} {
        there_->fetch_add(bytes, std::memory_order_relaxed);
    }
    load(load&&) noexcept = default; // what was moved from counts nothing
    load& operator=(load&&) = delete;
    ~load() {
        if (there_) there_->fetch_sub(bytes_, std::memory_order_relaxed);
    }
    /// From now on somebody else counts them.
    void arrived() noexcept { there_.reset(); }

  private:
    std::shared_ptr<std::atomic<std::size_t>> there_;
    std::size_t bytes_;
};

} // namespace comet
