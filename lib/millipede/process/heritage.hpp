// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace millipede::detail {

/// A socket that one process hands over to the next, under the name that both have for it: what
/// `options::listen` calls a listener, or a component's own word.
struct heirloom {
    std::string name;
    int descriptor = -1;

    friend bool operator==(heirloom const&, heirloom const&) = default;
};

/// As they stand in an environment variable: for each its descriptor, a space, the length of its
/// name, a colon, the name, and a semicolon.
std::string to_text(std::vector<heirloom> const& heirlooms);
/// The reverse; nothing at all when the text is not whole.
std::vector<heirloom> heirlooms_of(std::string_view text);

/// What this process got from the one whose place it is to take, and what others than the server's
/// listeners have for the one that takes its own. Any thread.
///
/// A component that listens by itself takes its socket by `take(name)` before it opens one, which
/// it does before `run()`, and says by `offer` what it listens on.
class heritage {
  public:
    /// The environment variable: the process before this one, the channel, the heirlooms, with
    /// spaces between.
    static constexpr char variable[] = "MILLIPEDE_HERITAGE";

    /// That of this process, looked at once. It is its own only when the channel leads to the
    /// process that the variable names: not that of a program which a server starts for other
    /// reasons.
    static heritage& of_process();
    /// As the variable says.
    explicit heritage(std::string_view text);
    ~heritage();
    heritage(heritage const&) = delete;
    heritage& operator=(heritage const&) = delete;

    /// The next socket of that name, which is the caller's from now on; -1: there is none, or none
    /// more. They come in the order in which they were handed over.
    int take(std::string_view name) noexcept;
    /// The channel to the process that handed over, the caller's from now on; -1: there is none.
    int take_channel() noexcept;
    /// The process at its other end; 0: none.
    int predecessor() const noexcept { return predecessor_; }
    /// Closes what nobody has taken: nobody will accept there.
    void close_rest() noexcept;

    /// The next process is to get this socket, which stays the caller's. Takes the place of what
    /// was offered under that name before. `leave`, which does not throw, is called on the thread
    /// of `run()` when that process serves: it closes the socket, or ceases to accept there.
    void offer(std::string name, int descriptor, std::function<void()> leave);
    /// Not any more; before it is closed.
    void withdraw(std::string_view name) noexcept;
    /// What has been offered.
    std::vector<heirloom> offered() const;
    /// The next process serves: all are left to it.
    void leave();

  private:
    mutable std::mutex mutex_;
    int predecessor_ = 0;
    int channel_ = -1;
    std::vector<heirloom> inherited_;
    struct offer_made {
        heirloom what;
        std::function<void()> leave;
    };
    std::vector<offer_made> offered_;
};

} // namespace millipede::detail
