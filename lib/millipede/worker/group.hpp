// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/smart_ptr/intrusive_ref_counter.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace millipede {

class basic_server;

namespace detail {

/// One worker's part of a group.
struct group_part {
    struct member {
        std::uint32_t slot;
        std::uint32_t membership; ///< Its place in the worker's `memberships`.
    };

    /// Members, and joins that have been asked for. Any thread.
    std::atomic<std::uint32_t> expected{0};
    // The worker's.
    std::uint32_t waiting = 0; ///< Errands of this group that are in the worker's queue.
    std::uint32_t unsent = 0;  ///< So many, the first ones, have yet to get what is being sent.
    std::vector<member> members;
};

/// What a group is: a part on each worker of one server. Lives as long as somebody has a handle, a
/// member is in it, or an errand for it is on its way.
class group_state : public boost::intrusive_ref_counter<group_state> {
  public:
    group_state(std::uint32_t workers, void const* owner) : owner_{owner}, parts_(workers) {}

    void const* owner() const noexcept { return owner_; }
    group_part& on(std::uint32_t worker) noexcept { return parts_[worker]; }
    /// Whether a message for the group has anything to do on that worker. Any thread: who knows, in
    /// the sense of threads, that a join was asked for, sees it here.
    bool concerns(std::uint32_t worker) const noexcept {
        return parts_[worker].expected.load(std::memory_order_relaxed) != 0;
    }
    std::size_t size() const noexcept {
        std::size_t sum = 0;
        for (auto const& part : parts_)
            sum += part.expected.load(std::memory_order_relaxed);
        return sum;
    }

  private:
    void const* owner_;
    std::vector<group_part> parts_;
};

} // namespace detail

/// A room: connections of one server that get what is sent to the group. A handle, cheap to copy;
/// made by `server.make_group()` or `server.group_named()`, used with `server.join`, `leave` and
/// `send`. A group is there as long as somebody has a handle or a connection is in it; it may
/// outlive its server. It takes about 60 bytes and 40 per worker, a connection in it 24 to 32 on
/// its worker.
///
/// Thread contract: like `shared_ptr`; copies may live in different threads.
class group {
  public:
    /// No group: to be assigned to.
    group() noexcept = default;

    /// How many connections are in it. Exact when all that was asked for has been done; meanwhile
    /// a connection counts from the moment that `join` was called until it has left or ended. 0 for
    /// no group. Any thread.
    std::size_t size() const noexcept { return state_ ? state_->size() : 0; }

    /// Whether it is a group at all.
    explicit operator bool() const noexcept { return state_ != nullptr; }
    friend bool operator==(group const&, group const&) noexcept = default;

  private:
    friend class basic_server;
    explicit group(boost::intrusive_ptr<detail::group_state> state) noexcept
        : state_{std::move(state)} {}

    boost::intrusive_ptr<detail::group_state> state_;
};

} // namespace millipede
