// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/base/error.hpp>

#include <memory>
#include <string>

struct ssl_ctx_st; // OpenSSL's SSL_CTX: its headers stay out of ours

namespace millipede {

/// TLS 1.2 or 1.3 of a client. All files are PEM.
struct client_tls_options {
    /// Whose signature makes a server's certificate good; empty: those whom the system trusts.
    std::string ca_file{};

    /// The client's own certificate, followed by those that lead from it to the root; for servers
    /// that ask for one. Empty: none.
    std::string certificate_file{};

    /// The key of that certificate, without a passphrase.
    std::string private_key_file{};

    /// The name or address that the server's certificate must be for. Empty: the host that was
    /// connected to, as it was given; its address when endpoints were given.
    std::string server_name{};

    /// Checks certificate and name. Without it anybody on the way may read and change what is said:
    /// for tests only.
    bool verify_server = true;
};

/// What the handshakes of any number of clients go by. Reads the files once; copies share them, so
/// ten thousand clients load one set of certificates: `options.tls = shared_tls`.
///
/// Thread contract: like `shared_ptr<T const>`; clients of several threads may share one.
class client_tls {
  public:
    /// \throws invalid_option naming the member, the file and OpenSSL's reason; always when the
    /// library is built without TLS.
    explicit client_tls(client_tls_options wanted);

    /// As they were given.
    client_tls_options const& options() const noexcept { return loaded_->options; }
    /// OpenSSL's object, for settings that have no option here; not after the first connection.
    ssl_ctx_st* native_handle() const noexcept { return loaded_->context.get(); }

  private:
    struct loaded {
        client_tls_options options;
        std::shared_ptr<ssl_ctx_st> context;
    };
    std::shared_ptr<loaded const> loaded_;
};

/// The category of reasons why a server's certificate is refused ("certificate has expired",
/// "hostname mismatch"): OpenSSL's X509_V_ERR_*. Its name is "millipede.certificate". Other errors
/// of TLS arrive in Asio's category "asio.ssl".
boost::system::error_category const& certificate_category() noexcept;

} // namespace millipede
