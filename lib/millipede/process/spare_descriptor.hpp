// SPDX-License-Identifier: BSL-1.0
#pragma once

namespace millipede::detail {

/// A descriptor kept for the time when there are none: given up for a moment, it lets a newcomer
/// be accepted and sent away, who would otherwise wait without an answer. One thread.
class spare_descriptor {
  public:
    spare_descriptor() noexcept { refill(); }
    ~spare_descriptor() { give_up(); }
    spare_descriptor(spare_descriptor const&) = delete;
    spare_descriptor& operator=(spare_descriptor const&) = delete;

    /// Takes a descriptor to be the spare one, unless it has one. False when there is none.
    bool refill() noexcept;

    /// Accepts from a non-blocking listener in the spare one's place; `refill` afterwards. When
    /// that works before the newcomer is closed, there is room for both after all.
    /// \returns the newcomer, or -1: nobody waits, or another thread was faster, or no spare one.
    int accept(int listener) noexcept;

  private:
    void give_up() noexcept;

    int descriptor_ = -1;
};

/// Whether somebody waits to be accepted. The system looks for a free descriptor before it looks
/// for a newcomer: without one, accept() fails also when nobody is there.
bool newcomer_waits(int listener) noexcept;

} // namespace millipede::detail
