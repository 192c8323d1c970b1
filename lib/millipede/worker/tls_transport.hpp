// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/memory/buffers.hpp>
#include <millipede/worker/hello_meter.hpp>
#include <millipede/worker/transport.hpp>

#include <openssl/ssl.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <span>

namespace millipede::detail {

/// The server's end of TLS on a non-blocking socket in the worker's readiness set. OpenSSL does the
/// cryptography and no input or output of its own: it is handed what one `recv` brings, and what it
/// seals leaves in one `send` per record; what of a record the socket does not take waits in a
/// buffer of the worker's pool. So a record once sealed is never lost and never sealed twice, and
/// an idle connection holds no buffer. One thread.
class tls_transport final : public transport {
  public:
    /// Owns the socket once it is made. \throws std::bad_alloc
    tls_transport(SSL_CTX& context, int descriptor, buffer_pool& buffers);
    ~tls_transport() override;
    tls_transport(tls_transport const&) = delete;
    tls_transport& operator=(tls_transport const&) = delete;

    io_result handshake() override;
    void start(std::function<void(edge)>) override {}
    io_result read(std::span<std::byte> room) override;
    bool has_more() const override { return more_ || ended_ || failure_.failed(); }
    io_result write(std::span<iovec const> buffers) override;
    error_code failure() const override { return failure_; }
    bool flushed() const override { return unsent_.empty() || failure_.failed(); }
    bool flush() override;
    bool in_readiness_set() const override { return true; }
    bool encrypts() const override { return true; }
    /// Says that nothing more will come (close_notify), and ends the socket's output behind it.
    void shutdown_write() override;
    void close() override;
    void abort() override;
    int release_socket() override;
    boost::asio::ip::tcp::endpoint remote_endpoint(error_code& code) const override {
        return socket_remote_endpoint(descriptor_, code);
    }

  private:
    struct socket_methods; // what OpenSSL calls to reach the socket

    io_result fail(error_code const& why) noexcept;
    void note_failure(int answer) noexcept;
    bool write_record(std::span<std::byte const> bytes);
    bool send(std::span<std::byte const> sealed) noexcept;
    bool hello_is_too_long(std::span<std::byte const> bytes) noexcept;
    void send_close_notify() noexcept;
    void forget_unsent() noexcept { unsent_.release(*buffers_); }

    struct free_session {
        void operator()(SSL* session) const noexcept { SSL_free(session); }
    };

    std::unique_ptr<SSL, free_session> session_;
    buffer_pool* buffers_;
    int descriptor_;
    error_code failure_;
    spill unsent_; ///< Sealed bytes that the socket has not taken.
    hello_meter hello_;
    bool shaking_ = true;       ///< The handshake is not over.
    bool heard_ = false;        ///< The peer has sent something.
    bool drained_ = false;      ///< The socket has no more for now.
    bool socket_ended_ = false; ///< The peer has ended its stream.
    bool ended_ = false;        ///< The same, by close_notify: properly.
    bool more_ = false;         ///< The last read stopped before the socket was drained.
    bool notified_ = false;     ///< Our close_notify is on its way, or cannot be sent.
    bool ending_ = false;       ///< The socket's output ends behind what is unsent.
};

} // namespace millipede::detail
