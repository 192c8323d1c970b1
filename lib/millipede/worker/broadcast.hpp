// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/base/overflow.hpp>
#include <millipede/wire/payload.hpp>
#include <millipede/worker/byte_room.hpp>
#include <millipede/worker/fwd.hpp>
#include <millipede/worker/mailbox.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

namespace millipede::detail {

/// The broadcasts that one worker has waiting and under way: bounded by number and bytes, so that
/// a publisher who is faster than the workers cannot eat the memory. Any thread.
class broadcast_room {
  public:
    explicit broadcast_room(std::uint32_t capacity, std::size_t bytes_max = SIZE_MAX) noexcept
        : capacity_{capacity}, bytes_{bytes_max} {}

    /// False when it is full for a message of so many bytes. Near the capacity one that is refused
    /// may make another one be refused as well.
    bool enter(std::size_t bytes) noexcept {
        bool room = inside_.fetch_add(1, std::memory_order_relaxed) < capacity_;
        if (room && bytes_.enter(bytes)) return true;
        inside_.fetch_sub(1, std::memory_order_relaxed);
        return false;
    }
    void leave(std::size_t bytes) noexcept {
        inside_.fetch_sub(1, std::memory_order_relaxed);
        bytes_.leave(bytes);
    }

    // What waits; any thread, while others come and go.
    std::uint32_t waiting() const noexcept { return inside_.load(std::memory_order_relaxed); }
    std::size_t waiting_bytes() const noexcept { return bytes_.inside(); }

  private:
    std::uint32_t capacity_;
    byte_room bytes_;
    std::atomic<std::uint32_t> inside_{0};
};

/// What is done for many connections at a time, before others have their turn. A delivery mostly is
/// a system call, a hundred times the work of a look.
class walk_slice {
  public:
    bool over() const noexcept { return looks_ == 0 || deliveries_ == 0 || bytes_ == 0; }
    void look() noexcept { looks_ -= looks_ != 0; }
    void deliver(std::size_t bytes) noexcept {
        --deliveries_;
        bytes_ -= bytes < bytes_ ? bytes : bytes_;
    }

  private:
    std::uint32_t looks_ = 1'024;
    std::uint32_t deliveries_ = 128;
    std::size_t bytes_ = 8 * 1024 * 1024;
};

/// Something that a worker does for many connections, in slices and in its place among others of
/// its kind: made by any thread, then carried out on the worker's.
class errand {
  public:
    /// `bytes` is the size of the message that it brings.
    explicit errand(std::size_t bytes = 0) noexcept : bytes_{bytes} {}
    virtual ~errand() { leave_room(); }
    errand(errand const&) = delete;
    errand& operator=(errand const&) = delete;

    /// Takes a place in the room until the end of its life; the room lives longer. False when there
    /// is none.
    bool enter(broadcast_room& room) noexcept {
        if (!room.enter(bytes_)) return false;
        room_ = &room;
        return true;
    }

    /// It has come. Returns whether it takes its place behind others: false when it is done.
    virtual bool begin(worker&) noexcept { return true; }
    /// Goes on with it, and returns whether it is done; when not, the slice is over.
    virtual bool advance(worker& on, walk_slice& left) = 0;

  protected:
    /// Before the end of its life.
    void leave_room() noexcept {
        if (room_) std::exchange(room_, nullptr)->leave(bytes_);
    }

  private:
    friend class broadcast_queue;
    std::size_t bytes_;
    broadcast_room* room_ = nullptr;
    errand* next_ = nullptr;
};

/// One message on its way to the connections of one worker: a walk over all slots.
class broadcast : public errand {
  public:
    broadcast(payload message, overflow_policy policy) noexcept
        : errand{message.size()}, message_{std::move(message)}, policy_{policy} {}

    /// Whether this connection, which speaks that protocol, gets it. \throws what filters throw
    virtual bool reaches(basic_connection&, protocol const&) { return true; }

    bool advance(worker& on, walk_slice& left) override;

    payload const& message() const noexcept { return message_; }
    overflow_policy policy() const noexcept { return policy_; }

  private:
    payload message_;
    overflow_policy policy_;
    std::uint32_t next_slot_ = 0;
};

/// Broadcasts and the like in their order. Needs no memory beside theirs: who was admitted cannot
/// be lost. One thread.
class broadcast_queue {
  public:
    broadcast_queue() = default;
    ~broadcast_queue() {
        while (!empty())
            pop_front();
    }
    broadcast_queue(broadcast_queue const&) = delete;
    broadcast_queue& operator=(broadcast_queue const&) = delete;

    bool empty() const noexcept { return first_ == nullptr; }
    errand& front() noexcept { return *first_; }
    void push_back(std::unique_ptr<errand> added_last) noexcept {
        auto* added = added_last.release();
        (first_ ? last_->next_ : first_) = added;
        last_ = added;
    }
    void pop_front() noexcept {
        std::unique_ptr<errand> owned{first_};
        first_ = owned->next_;
    }

  private:
    errand* first_ = nullptr;
    errand* last_ = nullptr; // of those, if there are any
};

/// Brings an errand to a worker, in its place among what else its sender sends there.
class broadcast_mail final : public mail {
  public:
    explicit broadcast_mail(std::unique_ptr<errand> brought) noexcept
        : brought_{std::move(brought)} {}
    bool enter(broadcast_room& room) noexcept { return brought_->enter(room); }
    void run(worker& recipient) override;

  private:
    std::unique_ptr<errand> brought_;
};

/// A broadcast to those connections of one codec and session for which `filter` says so.
template <class Dispatcher, class Filter>
class filtered_broadcast final : public broadcast {
  public:
    filtered_broadcast(payload message, overflow_policy policy, Dispatcher const& speaker,
                       Filter filter)
        : broadcast{std::move(message), policy}, speaker_{&speaker}, filter_{std::move(filter)} {}

    bool reaches(basic_connection& base, protocol const& speaker) override {
        if (&speaker != speaker_) return false;
        bool wanted = false;
        auto ask = [&](typename Dispatcher::connection_type const& connection) {
            wanted = filter_(connection);
        };
        speaker_->with(base, ask);
        return wanted;
    }

  private:
    Dispatcher const* speaker_;
    Filter filter_;
};

} // namespace millipede::detail
