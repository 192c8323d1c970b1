// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/base/options.hpp>
#include <millipede/process/pid_file.hpp>
#include <millipede/process/service_manager.hpp>
#include <millipede/process/successor.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/system/system_error.hpp>

#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace millipede::detail {

/// What a server is among processes while it runs: its service manager knows how it goes, its pid
/// file who it is; it takes the place of the process before it, and gives it to the next. Without
/// any of it this does nothing. The thread of `run()`.
class process_role {
  public:
    /// What it asks its server.
    struct questions {
        std::function<bool()> healthy;       ///< Whether to tell the watchdog that all is well.
        std::function<std::string()> status; ///< How it goes, in a line.
        std::function<std::vector<heirloom>()> heirlooms; ///< What it listens on.
        std::function<void()> inherit; ///< Paths that it listens at are this process's own now.
        std::function<void()> leave;   ///< The next process has its place: to drain.
    };

    /// Outlived by the context, whose handlers it is for. From here on the signal waits for
    /// `begin()`.
    process_role(boost::asio::io_context& context, options const& limits, questions server);

    /// The server accepts: says so to whoever started this process; or first to the process before
    /// it, and to the others when that has let go. \throws invalid_option for the pid file
    void begin();
    /// It takes up changed settings, until `reloaded()`.
    void reloading();
    void reloaded();
    /// It ends, and will have by then.
    void stopping(std::chrono::milliseconds deadline);
    /// Starts the next process, unless one is being waited for.
    void hand_over();
    /// Nothing more is to be heard of it: `run()` returns.
    void end() noexcept;

  private:
    void wait_for_predecessor(int channel);
    void take_place();
    std::string cannot_write(boost::system::system_error const& failure) const;
    void wait_for_signal();
    void tell_regularly();
    void successor_ready();
    void successor_failed(std::string const& why);

    options const* limits_;
    boost::asio::io_context* context_;
    questions server_;
    std::optional<service_manager> manager_; // if we are to speak to it, and it is there
    std::optional<own_program> program_;
    pid_file pid_file_;
    boost::asio::signal_set signals_;
    boost::asio::steady_timer timer_;
    boost::asio::posix::stream_descriptor predecessor_;
    std::array<char, 1> word_{};
    std::shared_ptr<successor> successor_;
    bool in_place_ = false; ///< It is the one that the service manager listens to.
    bool stopping_ = false;
};

} // namespace millipede::detail
