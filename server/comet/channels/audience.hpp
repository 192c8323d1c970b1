// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "channels/channel.hpp"
#include "channels/limits.hpp"
#include "channels/subscriber.hpp"

#include <boost/container/small_vector.hpp>
#include <boost/intrusive/list.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace comet {

/// The name of a channel among all workers: where it lives, and its serial there.
struct channel_key {
    std::uint32_t worker = 0;
    std::uint32_t serial = 0;

    std::uint64_t value() const noexcept { return std::uint64_t{worker} << 32 | serial; }
};

/// The subscribers of one channel that are on one worker.
struct audience {
    using list = boost::intrusive::list<
        subscription,
        boost::intrusive::member_hook<subscription, subscription::hook, &subscription::by_channel>,
        boost::intrusive::constant_time_size<false>>;

    channel_key key;
    millipede::payload name; ///< The channel's.
    list present;            ///< Those who want presence first.

    /// Behind those of its kind that may come before it.
    void put(subscription& which) noexcept {
        if (which.wants_presence)
            present.push_front(which);
        else
            present.push_back(which);
    }
};

/// Those who have left an audience.
struct departure {
    std::uint32_t count = 0;
    /// Of those who are named, each as often as he left. Room for one, who needs no memory then.
    boost::container::small_vector<std::string, 1> users{};

    /// With one more. \param which still has its owner
    void add(subscription& which);
};

/// What audiences need of the world.
class outlet {
  public:
    virtual ~outlet() = default;
    /// Sends to a subscriber. \param may_be_lost the stream makes sense without it, when its peer
    /// does not read
    virtual void send(subscriber& to, millipede::payload bytes, bool may_be_lost) = 0;
    /// Its reply is complete, and it listens to nothing more: the connection goes on, or ends, as
    /// its terms say.
    virtual void finished(subscriber& served) = 0;
    /// There was no memory for what it should have got: its connection ends. Needs none.
    virtual void give_up(subscriber& who) noexcept = 0;
    /// Some have left the audience of the channel: to be told where it lives.
    virtual void left(channel_key key, millipede::payload const& name, departure gone) = 0;
    /// Messages of so many bytes, which waited here, have been delivered.
    virtual void done(std::size_t bytes) = 0;
    /// There is more to do: calls `audiences::work` soon, when others have had their turn.
    virtual void again() = 0;
};

/// All subscribers of one worker. Messages are delivered one after the other, and to so many
/// subscribers at a time, so that the worker's other connections get their turn. A second of
/// silence costs what it finds overdue. One thread.
class audiences {
  public:
    /// So many deliveries, and then others have their turn: each is a system call of some
    /// microseconds. Polls that come back meanwhile are served in between: to have them wait until
    /// all others have the message saved no time over a network, and cost a sixth more CPU, as by
    /// then the caches have forgotten them.
    static constexpr std::uint32_t slice = 1'024;

    audiences(channel_limits const& limits, outlet& out) noexcept : limits_{&limits}, out_{&out} {}
    audiences(audiences const&) = delete;
    audiences& operator=(audiences const&) = delete;

    /// It waits for messages from its `from` on.
    void join(subscription& which, channel_key key, millipede::payload const& name);
    /// Nothing when it is in no audience.
    void leave(subscription& which);
    /// Out of all audiences: its connection or its reply has ended.
    void leave(subscriber& who);
    /// It waits, be it in no audience yet, and is told of silence.
    void attend(subscriber& who) noexcept { heard(who); }

    /// An event of a channel: waits behind those before it.
    void line_up(channel_key key, channel_event event) {
        tasks_.push_back({key, std::move(event)});
    }
    /// Begins with what waits, unless that has been begun.
    void go_on() {
        if (!is_working_) work();
    }
    /// Both.
    void take(channel_key key, channel_event event) {
        line_up(key, std::move(event));
        go_on();
    }
    /// Goes on with what is waiting: a slice of it.
    void work();
    /// A second has passed.
    void tick();

    std::uint64_t delivered() const noexcept { return delivered_; }
    std::uint64_t noops() const noexcept { return noops_; }

  private:
    struct task {
        channel_key key;
        channel_event event;
    };
    // Bytes that were framed: most subscribers of a channel have one of a few framings.
    struct framed {
        framing frame; // without its callback, which is another's
        std::string callback;
        std::optional<reply_terms> head; // whose is sent with them
        bool ends = false;
        millipede::payload bytes{};
    };
    using silence_list = boost::intrusive::list<
        subscriber,
        boost::intrusive::member_hook<subscriber, subscriber::hook, &subscriber::by_silence>,
        boost::intrusive::constant_time_size<false>>;

    bool begin_next();
    void deliver(std::uint32_t& budget);
    void deliver(subscription& to);
    void deliver_last(subscription& to);
    void count_out(subscription& served);
    void end_task();
    void tell_silent(std::uint32_t& budget);
    void send_noop(subscriber& to);
    void end(subscriber& served);
    void heard(subscriber& who) noexcept;
    void drop_if_empty(audience& room);
    millipede::payload bytes_for(subscriber const& to, bool ends);
    millipede::payload frame_event(framing const& frame, std::optional<reply_terms> const& head,
                                   bool ends) const;
    void note(framed made);

    channel_limits const* limits_;
    outlet* out_;
    std::unordered_map<std::uint64_t, audience> rooms_;
    silence_list by_silence_; // who was given something longest ago first
    std::deque<task> tasks_;  // the first is under way when `room_` is set
    audience* room_ = nullptr;
    audience::list pending_;      // of that room, those who have not had the message yet
    departure ended_{};           // of that room, those that left it with the message
    std::vector<framed> made_;    // of the task under way
    std::size_t oldest_made_ = 0; // once there are as many as may be
    std::uint32_t now_ = 0;
    bool is_working_ = false;
    std::uint64_t delivered_ = 0;
    std::uint64_t noops_ = 0;
};

} // namespace comet
