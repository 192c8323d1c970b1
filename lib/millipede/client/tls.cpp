// SPDX-License-Identifier: BSL-1.0
#include <millipede/client/tls.hpp>

#include <millipede/base/options.hpp>

#include <boost/asio/ssl/error.hpp>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include <new>
#include <utility>

namespace millipede {
namespace {

[[noreturn]] void refuse(char const* member, std::string const& file) {
    auto const* reason = ERR_reason_error_string(ERR_get_error());
    ERR_clear_error();
    throw invalid_option{member,
                         "'" + file + "' cannot be used: " + (reason ? reason : "unknown error")};
}

// Without this, OpenSSL would ask for the passphrase on the terminal.
int no_passphrase(char*, int, int, void*) {
    return 0;
}

void trust(SSL_CTX* context, client_tls_options const& wanted) {
    if (!wanted.verify_server) return SSL_CTX_set_verify(context, SSL_VERIFY_NONE, nullptr);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
    if (wanted.ca_file.empty()) {
        if (SSL_CTX_set_default_verify_paths(context) != 1) throw std::bad_alloc{};
    } else if (SSL_CTX_load_verify_file(context, wanted.ca_file.c_str()) != 1) {
        refuse("tls.ca_file", wanted.ca_file);
    }
}

void show_certificate(SSL_CTX* context, client_tls_options const& wanted) {
    if (wanted.certificate_file.empty() != wanted.private_key_file.empty())
        throw invalid_option{wanted.certificate_file.empty() ? "tls.certificate_file"
                                                             : "tls.private_key_file",
                             "a certificate and its key go together; one of them is missing"};
    if (wanted.certificate_file.empty()) return;
    if (SSL_CTX_use_certificate_chain_file(context, wanted.certificate_file.c_str()) != 1)
        refuse("tls.certificate_file", wanted.certificate_file);
    auto const* key_file = wanted.private_key_file.c_str();
    if (SSL_CTX_use_PrivateKey_file(context, key_file, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(context) != 1) // one of another kind is only found by this
        refuse("tls.private_key_file", wanted.private_key_file);
}

class certificate_category_type final : public boost::system::error_category {
  public:
    char const* name() const noexcept override { return "millipede.certificate"; }
    std::string message(int reason) const override {
        return std::string{"the server's certificate: "} + X509_verify_cert_error_string(reason);
    }
};

} // namespace

client_tls::client_tls(client_tls_options wanted) {
    ERR_clear_error();
    std::shared_ptr<SSL_CTX> context{SSL_CTX_new(TLS_client_method()), SSL_CTX_free};
    auto* raw = context.get();
    if (!raw) throw std::bad_alloc{};
    SSL_CTX_set_min_proto_version(raw, TLS1_2_VERSION);
    SSL_CTX_set_options(raw, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    // An idle client keeps no buffers; output that waits may move in memory.
    SSL_CTX_set_mode(raw, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_default_passwd_cb(raw, no_passphrase);
    trust(raw, wanted);
    show_certificate(raw, wanted);
    loaded_ = std::make_shared<loaded const>(loaded{std::move(wanted), std::move(context)});
}

boost::system::error_category const& certificate_category() noexcept {
    static certificate_category_type const instance;
    return instance;
}

} // namespace millipede
