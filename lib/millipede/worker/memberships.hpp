// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/worker/group.hpp>

#include <boost/smart_ptr/intrusive_ptr.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>

namespace millipede::detail {

/// Who of a worker's connections is in which groups. A connection has a list of its groups, a group
/// has a list of its connections, and each entry knows its counterpart: to join and to leave one
/// group costs a look at each group of that connection, to leave all the same, whatever the size of
/// the groups. Takes 16 bytes per membership and 8 in its group's list; 4 per slot up to the
/// highest that ever joined; nothing as long as nobody joins. One thread.
class memberships {
  public:
    explicit memberships(std::uint32_t worker) noexcept : worker_{worker} {}

    bool empty() const noexcept { return count_ == 0; }

    /// False when it was in already. Does not count in `expected`: whoever asked for it has.
    /// \throws std::bad_alloc; then nothing has changed.
    bool join(group_state& joined, std::uint32_t slot);
    /// False when it was not in.
    bool leave(group_state& left, std::uint32_t slot) noexcept;
    /// The connection ends.
    void leave_all(std::uint32_t slot) noexcept;

  private:
    static constexpr std::uint32_t none = UINT32_MAX;

    struct membership {
        boost::intrusive_ptr<group_state> of; // null while it is free
        std::uint32_t place = 0;              // in the list of that group's part
        std::uint32_t next = none;            // of the same connection; or free
    };

    std::uint32_t take_free();
    void remove(std::uint32_t index) noexcept;
    void take_out(group_part& part, std::uint32_t place) noexcept;

    std::uint32_t worker_;
    std::size_t count_ = 0;
    // Deques, as these grow without moving what is there: no pause, however many there are.
    std::deque<membership> all_;
    std::deque<std::uint32_t> first_of_; // by slot
    std::uint32_t free_ = none;
};

} // namespace millipede::detail
