// SPDX-License-Identifier: BSL-1.0
// The other end of a scripted worker's connection, without another thread: a stream in memory, or
// a pair of sockets within the process.
#pragma once

#include "support/memory_stream.hpp"

#include <millipede/worker/stream_transport.hpp>
#include <millipede/worker/worker.hpp>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace test {

/// One operation of a connection fails: in memory only.
struct planned_fault {
    std::size_t connection = SIZE_MAX; ///< In the order of opening, from 0.
    std::size_t operation = 0;         ///< From 1.
    boost::system::error_code code = boost::asio::error::connection_reset;
};

class scripted_peer {
  public:
    virtual ~scripted_peer() = default;

    /// Becomes a connection of the worker, or is turned away.
    virtual void enter(millipede::detail::worker& subject) = 0;
    virtual void deliver(std::string_view bytes) = 0;
    /// Says, behind what was delivered, that there will be no more.
    virtual void end_input() = 0;
    /// Takes nothing of what is sent to it ...
    virtual void hold() = 0;
    /// ... or takes it again.
    virtual void take() = 0;
    virtual void break_now() = 0;
    /// Breaks at one of the next operations.
    virtual void break_soon(std::size_t operations) = 0;

    /// Moves bytes where that does not happen by itself. Whether any moved.
    virtual bool pump() { return false; }
    /// Whether the server has let go of the connection.
    virtual bool is_free() = 0;
    /// What it got so far; all there is, once it is free.
    virtual std::string const& got() = 0;
    /// Reads and writes begun by the server, where that is known.
    virtual std::size_t operations() const { return 0; }
};

/// Over `stream_transport`, the way of everything that is not a plain socket.
class memory_peer final : public scripted_peer {
  public:
    memory_peer(boost::asio::io_context& context, std::size_t write_max)
        : pipe_{std::make_shared<memory_pipe>(context)} {
        pipe_->write_max = write_max;
    }

    void plan(planned_fault const& fault) {
        pipe_->fails_at = fault.operation;
        pipe_->failure = fault.code;
    }

    void enter(millipede::detail::worker& subject) override {
        subject.adopt(std::make_unique<carrier>(memory_stream{subject.context(), pipe_}), 0);
    }
    void deliver(std::string_view bytes) override { pipe_->deliver(bytes); }
    void end_input() override { pipe_->end_input(); }
    void hold() override { pipe_->hold_writes(); }
    void take() override { pipe_->take_writes(); }
    void break_now() override { pipe_->close(); }
    void break_soon(std::size_t operations) override {
        pipe_->fails_at = pipe_->operations + 1 + operations;
    }
    bool is_free() override { return pipe_->operations_under_way == 0 && pipe_.use_count() == 1; }
    std::string const& got() override { return pipe_->written; }
    std::size_t operations() const override { return pipe_->operations; }

  private:
    using carrier = millipede::detail::stream_transport<memory_stream, memory_ends>;
    std::shared_ptr<memory_pipe> pipe_;
};

/// Over a local socket: the way of all ordinary connections. Local sockets move bytes within the
/// call, so that a script does the same each time.
class socket_peer final : public scripted_peer {
  public:
    /// \param server_buffer for SO_SNDBUF of the server's end; 0 leaves the system's.
    explicit socket_peer(int server_buffer) {
        int ends[2];
        if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0)
            throw std::system_error{errno, std::system_category(), "socketpair"};
        own_ = ends[0];
        server_ = ends[1];
        if (server_buffer != 0)
            ::setsockopt(server_, SOL_SOCKET, SO_SNDBUF, &server_buffer, sizeof server_buffer);
    }
    ~socket_peer() override {
        shut(own_);
        shut(server_);
    }

    void enter(millipede::detail::worker& subject) override {
        subject.adopt({std::exchange(server_, -1), 0});
    }
    void deliver(std::string_view bytes) override {
        unsent_ += bytes;
        pump();
    }
    void end_input() override {
        input_ends_ = true;
        pump();
    }
    void hold() override { held_ = true; }
    void take() override {
        held_ = false;
        pump();
    }
    void break_now() override { shut(own_); }
    void break_soon(std::size_t operations) override { pumps_left_ = operations; }

    bool pump() override {
        if (pumps_left_ != SIZE_MAX && pumps_left_-- == 0) {
            shut(own_);
            return true;
        }
        bool sent = send_some();
        return (!held_ && read_some()) || sent;
    }
    bool is_free() override {
        if (own_ < 0) return true;
        pollfd entry{own_, 0, 0}; // POLLHUP is always told
        return ::poll(&entry, 1, 0) == 1 && (entry.revents & POLLHUP) != 0;
    }
    std::string const& got() override {
        while (read_some()) {
        }
        return got_;
    }

  private:
    static void shut(int& descriptor) {
        if (descriptor >= 0) ::close(std::exchange(descriptor, -1));
    }

    bool send_some() {
        if (own_ < 0) return false;
        bool any = false;
        while (!unsent_.empty()) {
            auto size = ::send(own_, unsent_.data(), unsent_.size(), MSG_NOSIGNAL);
            if (size < 0 && errno == EAGAIN) return any;
            if (size < 0) unsent_.clear(); // nobody reads it any more
            if (size > 0) unsent_.erase(0, static_cast<std::size_t>(size));
            any = true;
        }
        if (input_ends_ && !std::exchange(input_ended_, true)) {
            ::shutdown(own_, SHUT_WR);
            any = true;
        }
        return any;
    }

    bool read_some() {
        std::array<char, 1'500> room;
        auto size = own_ < 0 ? -1 : ::recv(own_, room.data(), room.size(), 0);
        if (size <= 0) return false;
        got_.append(room.data(), static_cast<std::size_t>(size));
        return true;
    }

    int own_ = -1;
    int server_ = -1;
    std::string unsent_;
    std::string got_;
    bool held_ = false;
    bool input_ends_ = false;
    bool input_ended_ = false;
    std::size_t pumps_left_ = SIZE_MAX;
};

} // namespace test
