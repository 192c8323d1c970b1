// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "support/wait.hpp"
#include "support/wire.hpp"

#include <boost/asio/ip/tcp.hpp>

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace test {

/// A client on a plain blocking socket, which knows nothing of the library. Whatever takes longer
/// than `patience` throws.
class raw_client {
  public:
    using endpoint_type = boost::asio::ip::tcp::endpoint;

    /// How the peer's stream went on and ended.
    struct ending {
        std::string bytes;
        bool clean = false; ///< End of stream, and not a reset.
    };

    /// \param receive_buffer for SO_RCVBUF; 0 leaves the system's.
    /// \param source         the address to come from, such as "127.0.0.2"; null leaves it to the
    ///                       system.
    explicit raw_client(endpoint_type const& endpoint, int receive_buffer = 0,
                        char const* source = nullptr)
        : descriptor_{::socket(endpoint.protocol().family(), SOCK_STREAM | SOCK_CLOEXEC, 0)} {
        if (descriptor_ < 0) fail("socket");
        if (receive_buffer != 0)
            ::setsockopt(descriptor_, SOL_SOCKET, SO_RCVBUF, &receive_buffer,
                         sizeof receive_buffer);
        if (source) {
            endpoint_type from{boost::asio::ip::make_address(source), 0};
            if (::bind(descriptor_, from.data(), static_cast<socklen_t>(from.size())) != 0)
                fail("bind");
        }
        timeval limit{patience.count(), 0};
        ::setsockopt(descriptor_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
        if (::connect(descriptor_, endpoint.data(), static_cast<socklen_t>(endpoint.size())) != 0 &&
            (errno != EINTR || !connected_at_last())) {
            int reason = errno;
            close();
            errno = reason;
            fail("connect");
        }
    }
    /// At a Unix domain socket.
    static raw_client at_path(std::string const& path) {
        sockaddr_un name{.sun_family = AF_UNIX, .sun_path = {}};
        path.copy(name.sun_path, sizeof name.sun_path - 1);
        raw_client client{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
        if (::connect(client.descriptor_, reinterpret_cast<sockaddr*>(&name), sizeof name) != 0)
            fail("connect");
        return client;
    }
    raw_client(raw_client&& other) noexcept
        : descriptor_{std::exchange(other.descriptor_, -1)}, input_{std::move(other.input_)} {}
    raw_client& operator=(raw_client&& other) noexcept {
        std::swap(descriptor_, other.descriptor_);
        std::swap(input_, other.input_);
        return *this;
    }
    ~raw_client() { close(); }

    /// All of it. False when the connection is broken.
    bool send(std::string_view bytes) {
        while (!bytes.empty()) {
            auto size = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (size < 0) {
                if (errno == EINTR) continue;
                if (errno == EAGAIN) fail("send");
                return false;
            }
            bytes.remove_prefix(static_cast<std::size_t>(size));
        }
        return true;
    }

    /// As much as the peer takes at once.
    std::size_t send_some(std::string_view bytes) {
        auto size = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        return size < 0 ? 0 : static_cast<std::size_t>(size);
    }

    std::string read(std::size_t size) {
        while (input_.size() < size)
            if (!receive()) throw std::runtime_error{"the stream ended early"};
        auto result = input_.substr(0, size);
        input_.erase(0, size);
        return result;
    }

    /// One frame with its head.
    std::string read_frame() {
        auto head = read(8);
        auto size = little(std::string_view{head}.substr(4, 2));
        if (size < 8) throw std::runtime_error{"not a frame"};
        return head + read(size - 8);
    }

    ending read_to_end() {
        ending result;
        try {
            while (receive()) {
            }
            result.clean = true;
        } catch (connection_broken const&) {
        }
        result.bytes = std::exchange(input_, {});
        return result;
    }

    /// Whether anything, a byte or the end, comes within `time`.
    bool readable(std::chrono::milliseconds time) const {
        if (!input_.empty()) return true;
        pollfd entry{descriptor_, POLLIN, 0};
        return ::poll(&entry, 1, static_cast<int>(time.count())) > 0;
    }

    void end_output() { ::shutdown(descriptor_, SHUT_WR); }
    void reset() {
        linger at_once{1, 0};
        ::setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        close();
    }
    void close() {
        if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
    }

    endpoint_type local_endpoint() const {
        endpoint_type endpoint;
        auto size = static_cast<socklen_t>(endpoint.capacity());
        ::getsockname(descriptor_, endpoint.data(), &size);
        endpoint.resize(size);
        return endpoint;
    }

  private:
    explicit raw_client(int descriptor) : descriptor_{descriptor} {}

    struct connection_broken : std::runtime_error {
        using std::runtime_error::runtime_error;
    };

    [[noreturn]] static void fail(char const* what) {
        throw std::runtime_error{std::string{what} + ": " + std::strerror(errno)};
    }

    // A process that was stopped and goes on finds its connect() interrupted, yet under way.
    bool connected_at_last() const {
        pollfd entry{descriptor_, POLLOUT, 0};
        if (::poll(&entry, 1, static_cast<int>(patience.count()) * 1000) <= 0) return false;
        int reason = 0;
        auto size = static_cast<socklen_t>(sizeof reason);
        ::getsockopt(descriptor_, SOL_SOCKET, SO_ERROR, &reason, &size);
        errno = reason;
        return reason == 0;
    }

    // False at the end of the stream.
    bool receive() {
        if (pollfd entry{descriptor_, POLLIN, 0};
            ::poll(&entry, 1, static_cast<int>(patience.count()) * 1000) == 0)
            throw std::runtime_error{"nothing to read"};
        char buffer[64 * 1024];
        auto size = ::recv(descriptor_, buffer, sizeof buffer, 0);
        if (size < 0) throw connection_broken{std::strerror(errno)};
        input_.append(buffer, static_cast<std::size_t>(size));
        return size != 0;
    }

    int descriptor_;
    std::string input_;
};

} // namespace test
