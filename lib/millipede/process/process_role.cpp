// SPDX-License-Identifier: BSL-1.0
#include <millipede/process/process_role.hpp>

#include <millipede/base/log.hpp>
#include <millipede/process/heritage.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/system/system_error.hpp>

#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <new>
#include <stdexcept>
#include <utility>

namespace millipede::detail {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

// How often the service manager hears how it goes when it does not ask for a sign of life.
constexpr std::chrono::microseconds status_interval = 10s;

// What the end may take beyond its deadline: see `grace` in basic_server.cpp, and as much again.
constexpr std::chrono::microseconds end_margin = 10s;

// What systemd compares with its own clock: see RELOADING=1 in sd_notify(3).
std::uint64_t monotonic_microseconds() noexcept {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000 +
           static_cast<std::uint64_t>(now.tv_nsec) / 1'000;
}

} // namespace

process_role::process_role(asio::io_context& context, options const& limits, questions server)
    : limits_{&limits},
      context_{&context},
      server_{std::move(server)},
      pid_file_{limits.pid_file},
      signals_{context},
      timer_{context},
      predecessor_{context} {
    if (limits.upgrade_signal != 0) signals_.add(limits.upgrade_signal);
    if (limits.notify_systemd && !manager_.emplace().present()) manager_.reset();
    try {
        program_ = own_program::of_process();
    } catch (std::runtime_error const& failure) { // no /proc, no folder
        if (limits.upgrade_signal != 0)
            log(warning) << "no other process can take this one's place: " << failure.what();
    }
}

void process_role::begin() {
    if (limits_->upgrade_signal != 0) wait_for_signal();
    int channel = heritage::of_process().take_channel();
    if (channel >= 0) return wait_for_predecessor(channel);
    try {
        pid_file_.write();
    } catch (boost::system::system_error const& failure) {
        throw invalid_option{"pid_file", cannot_write(failure)};
    }
    take_place();
}

std::string process_role::cannot_write(boost::system::system_error const& failure) const {
    return "cannot write " + limits_->pid_file + ": " + failure.code().message();
}

void process_role::wait_for_predecessor(int channel) {
    heritage::of_process().close_rest();
    predecessor_.assign(channel);
    ::send(channel, "r", 1, MSG_NOSIGNAL); // if it has ended, that is what will be read
    auto heard = [this](error_code code, std::size_t) {
        if (code == asio::error::operation_aborted) return;
        predecessor_.close();
        log(info) << "upgrade: this process has the place of process "
                  << heritage::of_process().predecessor();
        server_.inherit();
        try {
            pid_file_.write();
        } catch (boost::system::system_error const& failure) {
            log(error) << "pid file: " << cannot_write(failure); // there is no way back
        }
        take_place();
    };
    predecessor_.async_read_some(asio::buffer(word_), std::move(heard));
}

void process_role::take_place() {
    in_place_ = true;
    if (!manager_ || stopping_) return;
    manager_->tell("READY=1\nSTATUS=" + server_.status());
    tell_regularly();
}

void process_role::tell_regularly() {
    auto watchdog = manager_->watchdog();
    try {
        bool all_is_well = watchdog && server_.healthy();
        manager_->mention((all_is_well ? "WATCHDOG=1\nSTATUS=" : "STATUS=") + server_.status());
    } catch (std::bad_alloc const&) {
        // The next time, perhaps.
    }
    timer_.expires_after(watchdog ? std::max<std::chrono::microseconds>(*watchdog / 2, 1ms)
                                  : status_interval);
    timer_.async_wait([this](error_code code) {
        if (!code && manager_ && in_place_) tell_regularly();
    });
}

void process_role::reloading() {
    if (manager_ && in_place_ && !stopping_)
        manager_->tell("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(monotonic_microseconds()));
}

void process_role::reloaded() {
    if (manager_ && in_place_ && !stopping_) manager_->tell("READY=1\nSTATUS=" + server_.status());
}

void process_role::stopping(std::chrono::milliseconds deadline) {
    stopping_ = true;
    if (successor_) successor_->give_up();
    if (!manager_ || !in_place_) return;
    auto needed = std::chrono::microseconds{deadline} + end_margin;
    try {
        manager_->tell("STOPPING=1\nSTATUS=draining\nEXTEND_TIMEOUT_USEC=" +
                       std::to_string(needed.count()));
    } catch (std::bad_alloc const&) {
        // It ends nevertheless.
    }
}

void process_role::wait_for_signal() {
    signals_.async_wait([this](error_code code, int) {
        if (code) return;
        hand_over();
        wait_for_signal();
    });
}

void process_role::hand_over() {
    if (stopping_ || (successor_ && successor_->pending())) {
        log(warning) << "no upgrade: " << (stopping_ ? "this process ends" : "one is under way");
        return;
    }
    if (::getpid() == 1) { // of a container, whose other processes end with it
        log(error) << "no upgrade: the first process of a container has no successor";
        return;
    }
    if (!program_) {
        log(error) << "no upgrade: it is not known how this process was started";
        return;
    }
    try {
        successor_ = std::make_shared<successor>(
            *context_, limits_->upgrade_timeout, [this] { successor_ready(); },
            [this](std::string const& why) { successor_failed(why); });
        successor_->start(*program_, server_.heirlooms());
        log(info) << "upgrade: started " << program_->path() << " as process "
                  << successor_->process();
    } catch (boost::system::system_error const& failure) {
        successor_failed("cannot start " + program_->path() + ": " + failure.code().message());
    } catch (std::bad_alloc const&) {
        successor_failed("no memory");
    }
}

void process_role::successor_ready() {
    log(info) << "upgrade: process " << successor_->process()
              << " is ready and has this one's place; draining";
    // In this order: from the first of these on the service manager listens to the other alone.
    if (manager_) manager_->tell("MAINPID=" + std::to_string(successor_->process()));
    in_place_ = false;
    timer_.cancel();
    pid_file_.leave();
    successor_->let_go();
    server_.leave();
}

void process_role::successor_failed(std::string const& why) {
    log(error) << "upgrade failed: " << why << "; this process goes on";
}

void process_role::end() noexcept {
    stopping_ = true;
    if (successor_) successor_->give_up();
    pid_file_.remove();
    manager_.reset();
    error_code ignored;
    signals_.cancel(ignored);
    try {
        timer_.cancel();
        predecessor_.close(ignored);
    } catch (std::exception const&) {
        // They wait for nothing any more.
    }
}

} // namespace millipede::detail
