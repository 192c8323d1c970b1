// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "channels/message.hpp"
#include "channels/secret.hpp"

#include <millipede/wire/payload.hpp>

#include <boost/container/small_vector.hpp>
#include <boost/intrusive/list_hook.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace comet {

/// The text of a payload.
inline std::string_view text_of(millipede::payload const& bytes) noexcept {
    return {reinterpret_cast<char const*>(bytes.bytes().data()), bytes.size()};
}

/// What a channel has for its subscribers: made once, shared by all workers.
struct channel_event {
    message_type type = message_type::data;
    sequence number = 0;
    millipede::payload object{};   ///< In JSON.
    millipede::payload next_seq{}; ///< What follows a broadcast, in JSON.

    /// As in `framed_message`.
    std::optional<sequence> position() const noexcept {
        if (type == message_type::close || is_presence()) return std::nullopt;
        return number;
    }
    /// Whether it is about users, and for those alone who want to know; it takes no number.
    bool is_presence() const noexcept {
        return type == message_type::join || type == message_type::leave;
    }
    /// What it holds, for the bound of what waits for a worker.
    std::size_t bytes() const noexcept { return object.size() + next_seq.size() + 256; }
};

/// One of the messages that a new subscriber gets.
struct opening_message {
    millipede::payload object;          ///< In JSON.
    std::optional<sequence> position{}; ///< As in `framed_message`.
};

/// What a new subscriber gets.
struct channel_opening {
    std::vector<opening_message> messages{}; ///< At once; empty: it waits.
    bool batch = false;                      ///< They are an array, were it but one.
    sequence from = 0;                       ///< The number of the next live message.
};

/// A channel, where it lives: its numbers, its last messages, its token, and how many subscribers
/// it has on which worker. No times, which are the registry's. One thread.
class channel {
  public:
    /// \param serial tells it from others of the same name, before and after it: its epoch.
    /// \param next its first message's number.
    channel(millipede::payload name, std::uint32_t serial, sequence next = 1) noexcept
        : name_{std::move(name)}, serial_{serial}, next_{next} {}

    millipede::payload const& name() const noexcept { return name_; }
    /// Its epoch.
    std::uint32_t serial() const noexcept { return serial_; }
    /// The number that the next message gets.
    sequence next() const noexcept { return next_; }
    /// How many messages it keeps, those that have expired in their midst included.
    std::size_t kept() const noexcept { return history_ ? history_->messages.size() : 0; }
    /// What these hold.
    std::size_t kept_bytes() const noexcept { return history_ ? history_->bytes : 0; }

    /// A message: takes a number, and a place among those kept. \param content has been escaped.
    /// \param last_tick of the time in which it is replayed; none: as long as it is kept
    channel_event add(message_type type, std::string_view content, std::uint32_t buffer_size,
                      std::optional<std::uint32_t> last_tick = std::nullopt);
    /// Forgets the messages whose time is over; they have been replayed as often as they will be,
    /// and are not lost: history reaches back as far as before. Looks at them when one has ended.
    void drop_expired(std::uint32_t now) noexcept;
    /// The last that its subscribers get.
    channel_event closing() const;
    /// Forgets its messages; the numbers go on.
    void clear() noexcept { history_.reset(); }
    /// What a subscriber gets who wants message `wanted` and those behind it.
    channel_opening open(sequence wanted) const;
    /// The same for one who asked for epochs: whether it had to miss something comes first. Where
    /// numbers are left out, as their messages have expired, `open` says which one follows.
    /// \param known the epoch that it knows; empty: none
    /// \param always were it but to say that there is nothing new
    channel_opening open_marked(sequence wanted, std::string_view known, bool always) const;
    /// The oldest number that a client is told it may ask for: of ten messages at most, and behind
    /// those that have expired.
    sequence oldest() const noexcept;

    /// Made when it is asked for first.
    token const& own_token();
    /// Whether `text` is its token; false when it has none.
    bool admits(std::string_view text) const { return token_ && token_->matches(text); }

    /// So many subscribers on one worker.
    struct interest {
        std::uint32_t worker;
        std::uint32_t count;
    };
    std::span<interest const> interests() const noexcept { return {interests_}; }
    std::uint32_t subscribers() const noexcept;
    void joined(std::uint32_t worker);
    void left(std::uint32_t worker, std::uint32_t count) noexcept;

  private:
    friend class registry;
    using hook = boost::intrusive::list_member_hook<
        boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;

    // One that has expired keeps its place, without its text: numbers stand in a row.
    struct kept_message {
        millipede::payload object;
        sequence number;
        std::uint32_t last_tick; ///< When it `ends`.
        bool ends;
        bool is_broadcast;

        bool is_expired() const noexcept { return object.empty(); }
        std::size_t bytes() const noexcept {
            return sizeof(kept_message) + (is_expired() ? 0 : object.size() + 32);
        }
    };
    struct history {
        std::vector<kept_message> messages; // oldest first
        std::size_t bytes = 0;
        std::uint32_t first_end = 0; ///< No later than the first of those that end.
        bool any_ends = false;

        void ends_at(std::uint32_t tick) noexcept;
    };

    /// Those from `from` on that have not expired. \param marked whether `open` tells where numbers
    /// are left out
    void append_kept(channel_opening& opening, sequence from, bool marked) const;
    opening_message marker(message_type type, sequence first, std::string_view why) const;
    /// The number of the first of these; the next number when there is none.
    sequence first_kept_from(sequence wanted) const noexcept;

    hook by_deadline_;
    hook by_phase_;
    millipede::payload name_;
    std::uint32_t serial_;
    sequence next_;
    boost::container::small_vector<interest, 1> interests_;
    std::unique_ptr<token> token_;
    std::unique_ptr<history> history_;
    std::uint32_t idle_ = 0; ///< With subscribers: what is left to live. Without: until which tick.
};

} // namespace comet
