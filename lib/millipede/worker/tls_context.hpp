// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/base/listen_options.hpp>
#include <millipede/memory/buffers.hpp>
#include <millipede/worker/transport.hpp>

#include <memory>
#include <mutex>

struct ssl_ctx_st; // OpenSSL's SSL_CTX: its headers stay out of ours

namespace millipede::detail {

/// What the handshakes of a TLS listener go by: its certificate, its key, whose clients it takes.
/// Without OpenSSL (CMake: MILLIPEDE_WITH_TLS) there is none to be had.
class tls_context {
  public:
    /// Reads the files.
    /// \throws invalid_option naming the member of `tls_options`, the file and OpenSSL's reason.
    explicit tls_context(listen_options const& listener);
    tls_context(tls_context const&) = delete;
    tls_context& operator=(tls_context const&) = delete;

    /// Reads the files again: handshakes that begin from now on go by them. Nothing changes when
    /// they cannot be used. Any thread. \throws as the constructor.
    void reload();

    /// The server's end of TLS on a socket, which it owns from then on. The buffers outlive it.
    /// Any worker's thread. \throws std::bad_alloc; the socket is then still the caller's.
    std::unique_ptr<transport> accept(int descriptor, buffer_pool& buffers) const;

  private:
    tls_options settings_;
    mutable std::mutex mutex_; // once per handshake, which costs far more
    std::shared_ptr<ssl_ctx_st> current_;
};

} // namespace millipede::detail
