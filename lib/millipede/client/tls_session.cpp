// SPDX-License-Identifier: BSL-1.0
#include <millipede/client/tls_session.hpp>

#include <boost/asio/error.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ssl/error.hpp>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include <cerrno>
#include <new>

namespace millipede::detail {

// OpenSSL's own socket BIO writes without MSG_NOSIGNAL: a server that is gone would end the
// process.
struct tls_session::socket_methods {
    static tls_session& owner(BIO* bio) noexcept {
        return *static_cast<tls_session*>(BIO_get_data(bio));
    }
    static bool would_block() noexcept { return errno == EAGAIN || errno == EWOULDBLOCK; }

    static int read(BIO* bio, char* room, std::size_t size, std::size_t* count) noexcept {
        BIO_clear_retry_flags(bio);
        auto& self = owner(bio);
        ssize_t got = -1;
        do
            got = ::recv(self.descriptor_, room, size, 0);
        while (got < 0 && errno == EINTR);
        *count = got > 0 ? static_cast<std::size_t>(got) : 0;
        if (got > 0) return 1;
        if (got < 0 && would_block())
            BIO_set_retry_read(bio);
        else if (got < 0)
            self.socket_failure_ = {errno, boost::system::system_category()};
        else
            self.socket_failure_ = errc::stream_truncated; // a proper end is said in TLS
        return 0;
    }

    static int write(BIO* bio, char const* bytes, std::size_t size, std::size_t* count) noexcept {
        BIO_clear_retry_flags(bio);
        auto& self = owner(bio);
        ssize_t sent = -1;
        do
            sent = ::send(self.descriptor_, bytes, size, MSG_NOSIGNAL);
        while (sent < 0 && errno == EINTR);
        *count = sent > 0 ? static_cast<std::size_t>(sent) : 0;
        if (sent > 0) return 1;
        if (would_block())
            BIO_set_retry_write(bio);
        else
            self.socket_failure_ = {errno, boost::system::system_category()};
        return 0;
    }

    static long control(BIO* bio, int command, long, void*) noexcept {
        if (command == BIO_CTRL_FLUSH) return 1;
        if (command == BIO_CTRL_EOF) return owner(bio).socket_failure_ ? 1 : 0;
        return 0;
    }

    static BIO_METHOD const* table() {
        struct free_method {
            void operator()(BIO_METHOD* method) const noexcept { BIO_meth_free(method); }
        };
        static std::unique_ptr<BIO_METHOD, free_method> const instance{[] {
            auto kind = BIO_get_new_index() | BIO_TYPE_SOURCE_SINK;
            auto* method = BIO_meth_new(kind, "millipede client");
            if (!method) throw std::bad_alloc{};
            BIO_meth_set_read_ex(method, read);
            BIO_meth_set_write_ex(method, write);
            BIO_meth_set_ctrl(method, control);
            return method;
        }()};
        return instance.get();
    }
};

namespace {

// Whom the certificate must be for, and the name by which a server of many names picks one.
bool expect_name(SSL* session, std::string const& name) {
    error_code no_address;
    boost::asio::ip::make_address(name, no_address);
    if (!no_address) return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session), name.c_str());
    return SSL_set_tlsext_host_name(session, name.c_str()) == 1 &&
           SSL_set1_host(session, name.c_str()) == 1;
}

} // namespace

void tls_session::free_session::operator()(ssl_st* session) const noexcept {
    SSL_free(session);
}

tls_session::tls_session(client_tls const& tls, int descriptor, std::string const& name)
    : session_{SSL_new(tls.native_handle())}, descriptor_{descriptor} {
    if (!session_) throw std::bad_alloc{};
    auto* bio = BIO_new(socket_methods::table());
    if (!bio) throw std::bad_alloc{};
    BIO_set_data(bio, this);
    BIO_set_init(bio, 1);
    SSL_set_bio(session_.get(), bio, bio); // which owns it now
    auto const& own_name = tls.options().server_name;
    if (!expect_name(session_.get(), own_name.empty() ? name : own_name)) throw std::bad_alloc{};
    SSL_set_connect_state(session_.get());
}

tls_session::~tls_session() = default;

stream_step tls_session::failure(int answer) {
    switch (SSL_get_error(session_.get(), answer)) {
    case SSL_ERROR_WANT_READ:
        return {.awaits = readiness_for::input};
    case SSL_ERROR_WANT_WRITE:
        return {.awaits = readiness_for::output};
    case SSL_ERROR_ZERO_RETURN:
        return {.code = boost::asio::error::eof};
    default:
        break;
    }
    auto first = ERR_get_error();
    ERR_clear_error();
    if (socket_failure_) return {.code = socket_failure_};
    if (auto verdict = SSL_get_verify_result(session_.get());
        verdict != X509_V_OK && SSL_get_verify_mode(session_.get()) != SSL_VERIFY_NONE)
        return {.code = {static_cast<int>(verdict), certificate_category()}};
    // 0 would be success, and whoever asks has seen a failure.
    auto value = first == 0 ? static_cast<unsigned long>(ERR_R_INTERNAL_ERROR) : first;
    return {.code = {static_cast<int>(value), boost::asio::error::get_ssl_category()}};
}

stream_step tls_session::handshake() {
    ERR_clear_error();
    int answer = SSL_do_handshake(session_.get());
    return answer == 1 ? stream_step{} : failure(answer);
}

stream_step tls_session::read(std::span<std::byte> room) {
    ERR_clear_error();
    std::size_t size = 0;
    int answer = SSL_read_ex(session_.get(), room.data(), room.size(), &size);
    return answer == 1 ? stream_step{.size = size} : failure(answer);
}

stream_step tls_session::write(std::span<std::byte const> bytes) {
    ERR_clear_error();
    std::size_t size = 0;
    int answer = SSL_write_ex(session_.get(), bytes.data(), bytes.size(), &size);
    return answer == 1 ? stream_step{.size = size} : failure(answer);
}

void tls_session::say_end() noexcept {
    ERR_clear_error();
    if (SSL_is_init_finished(session_.get())) SSL_shutdown(session_.get());
    ERR_clear_error();
}

} // namespace millipede::detail
