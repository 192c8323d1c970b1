// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/process/own_program.hpp>

#include <millipede/base/error.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <sys/types.h>

#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace millipede::detail {

/// The process that is to take this one's place, from its start until it is ready or has failed.
///
/// Between the two is a socket pair. The new process writes a byte when it is ready; that the old
/// one closes its end says that all is the new one's now. So it is also when the old one dies.
/// One thread.
class successor : public std::enable_shared_from_this<successor> {
  public:
    /// `ready` is called when it is, or `failed(why)` when it has ended before, or was ended
    /// because it took longer than `patience`.
    successor(boost::asio::io_context& context, std::chrono::milliseconds patience,
              std::function<void()> ready, std::function<void(std::string const&)> failed);
    /// As `give_up()`.
    ~successor() { give_up(); }
    successor(successor const&) = delete;
    successor& operator=(successor const&) = delete;

    /// Once. \throws boost::system::system_error when it cannot be started; nobody is called then
    void start(own_program const& program, std::vector<heirloom> const& heirlooms);
    pid_t process() const noexcept { return process_; }
    /// Whether it is still to be waited for.
    bool pending() const noexcept { return !over_; }
    /// It is ready, and on its own from now on.
    void let_go();
    /// It is not wanted any more: ends it (SIGTERM), and calls nobody.
    void give_up() noexcept;

  private:
    void wait_for_word();
    void end_it(std::string why);
    void wait_for_its_end();
    std::optional<std::string> look_for_its_end() const;

    boost::asio::posix::stream_descriptor channel_;
    boost::asio::steady_timer timer_;
    pid_t process_ = 0;
    std::chrono::milliseconds patience_;
    std::function<void()> ready_;
    std::function<void(std::string const&)> failed_;
    std::array<char, 1> word_{};
    std::string why_ended_;                        ///< By us: what to say about it.
    std::chrono::steady_clock::time_point kill_{}; ///< By then it has ended, or is killed.
    bool decided_ = false; ///< Nobody is to be called for its first word any more.
    bool over_ = true;     ///< Not started yet, or let go, given up, ended.
};

} // namespace millipede::detail
