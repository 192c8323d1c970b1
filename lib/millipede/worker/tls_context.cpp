// SPDX-License-Identifier: BSL-1.0
#include <millipede/worker/tls_context.hpp>

#include <millipede/base/options.hpp>
#include <millipede/worker/tls_error.hpp>
#include <millipede/worker/tls_transport.hpp>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <new>
#include <string>

namespace millipede::detail {
namespace {

using context_pointer = std::shared_ptr<SSL_CTX>;

[[noreturn]] void refuse(char const* member, std::string const& file) {
    throw invalid_option{member, "'" + file + "' cannot be used: " + take_tls_error().message()};
}

// What a client's certificates may take, of whom nothing is known yet; four with the largest keys
// in use take 8 KiB.
constexpr long client_certificates_bytes_max = 32 * 1024;

// Without this, OpenSSL would ask for the passphrase on the terminal.
int no_passphrase(char*, int, int, void*) {
    return 0;
}

context_pointer new_context() {
    context_pointer context{SSL_CTX_new(TLS_server_method()), SSL_CTX_free};
    if (!context) throw std::bad_alloc{};
    auto* raw = context.get();
    SSL_CTX_set_min_proto_version(raw, TLS1_2_VERSION);
    // To negotiate again costs us far more than the peer, and nobody needs it.
    SSL_CTX_set_options(raw, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    // An idle connection keeps no buffers. One read of the socket brings all that it has, not the
    // five bytes of a record's head first.
    SSL_CTX_set_mode(raw, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(raw, 1);
    // Resumption spares a crowd that reconnects the expensive part of the handshake. The client
    // keeps the session, in one ticket sealed by a key of this context: we keep nothing, and a
    // reload makes old tickets void, and with them what an old client CA had let in.
    SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(raw, 1);
    constexpr unsigned char name[] = "millipede";
    SSL_CTX_set_session_id_context(raw, name, sizeof name - 1);
    SSL_CTX_set_default_passwd_cb(raw, no_passphrase);
    SSL_CTX_set_max_cert_list(raw, client_certificates_bytes_max);
    return context;
}

void ask_for_certificate(SSL_CTX* context, std::string const& client_ca_file) {
    auto* names = SSL_load_client_CA_file(client_ca_file.c_str());
    if (!names || SSL_CTX_load_verify_file(context, client_ca_file.c_str()) != 1) {
        sk_X509_NAME_pop_free(names, X509_NAME_free);
        refuse("tls.client_ca_file", client_ca_file);
    }
    SSL_CTX_set_client_CA_list(context, names); // which owns them now
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
}

context_pointer make_context(tls_options const& settings) {
    ERR_clear_error();
    auto context = new_context();
    auto* raw = context.get();
    if (SSL_CTX_use_certificate_chain_file(raw, settings.certificate_file.c_str()) != 1)
        refuse("tls.certificate_file", settings.certificate_file);
    auto const* key_file = settings.private_key_file.c_str();
    if (SSL_CTX_use_PrivateKey_file(raw, key_file, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(raw) != 1) // one of another kind is only found by this
        refuse("tls.private_key_file", settings.private_key_file);
    if (!settings.client_ca_file.empty()) ask_for_certificate(raw, settings.client_ca_file);
    return context;
}

} // namespace

tls_context::tls_context(listen_options const& listener)
    : settings_{*listener.tls}, current_{make_context(settings_)} {}

void tls_context::reload() {
    auto next = make_context(settings_);
    std::lock_guard lock{mutex_};
    current_.swap(next); // the former one goes after the lock, or with its last connection
}

std::unique_ptr<transport> tls_context::accept(int descriptor, buffer_pool& buffers) const {
    context_pointer context;
    {
        std::lock_guard lock{mutex_};
        context = current_;
    }
    return std::make_unique<tls_transport>(*context, descriptor, buffers);
}

} // namespace millipede::detail
