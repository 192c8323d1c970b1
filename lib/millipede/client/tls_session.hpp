// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/base/error.hpp>
#include <millipede/client/tls.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

struct ssl_st; // OpenSSL's SSL

namespace millipede::detail {

/// What a socket must be ready for before the same is worth trying again.
enum class readiness_for : std::uint8_t { nothing, input, output };

/// What came of an attempt to move bytes without waiting.
struct stream_step {
    std::size_t size = 0;                          ///< Bytes that were moved.
    readiness_for awaits = readiness_for::nothing; ///< Nothing could be moved until then ...
    error_code code{};                             ///< ... or ever again. `eof`: a proper end.
};

/// The client's end of TLS on a non-blocking socket, which stays its owner's. Buffers are OpenSSL's
/// own, and given back when they are empty. One thread at a time.
class tls_session {
  public:
    /// \param name what the server's certificate must be for, unless `tls` has a name itself.
    /// \throws std::bad_alloc
    tls_session(client_tls const& tls, int descriptor, std::string const& name);
    ~tls_session();
    tls_session(tls_session const&) = delete;
    tls_session& operator=(tls_session const&) = delete;

    /// Goes on with it; over when it awaits nothing and there is no error.
    stream_step handshake();
    stream_step read(std::span<std::byte> room);
    /// After "awaits", the same bytes must come again, or more that begin with them.
    stream_step write(std::span<std::byte const> bytes);
    /// Tells the server that nothing more comes, if there is room for the words.
    void say_end() noexcept;

  private:
    struct socket_methods;
    struct free_session {
        void operator()(ssl_st* session) const noexcept;
    };

    stream_step failure(int answer);

    std::unique_ptr<ssl_st, free_session> session_;
    error_code socket_failure_{};
    int descriptor_;
};

} // namespace millipede::detail
