// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <array>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

namespace test {

/// The client's end of TLS without a socket: bytes go in, bytes come out, to be cut at will.
class tls_peer {
  public:
    explicit tls_peer(int version = 0)
        : context_{SSL_CTX_new(TLS_client_method())}, session_{SSL_new(context_.get())} {
        if (version != 0) {
            SSL_set_min_proto_version(session_.get(), version);
            SSL_set_max_proto_version(session_.get(), version);
        }
        SSL_set_bio(session_.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
        SSL_set_connect_state(session_.get());
    }

    /// Bytes from the server.
    void feed(std::string_view bytes) {
        if (!bytes.empty())
            BIO_write(SSL_get_rbio(session_.get()), bytes.data(), static_cast<int>(bytes.size()));
    }
    /// Bytes for the server.
    std::string take() {
        std::string bytes;
        std::array<char, 4096> room;
        int size = 0;
        while ((size = BIO_read(SSL_get_wbio(session_.get()), room.data(),
                                static_cast<int>(room.size()))) > 0)
            bytes.append(room.data(), static_cast<std::size_t>(size));
        return bytes;
    }

    /// Goes on with the handshake; whether it is over. Throws when it fails.
    bool shake() {
        ERR_clear_error();
        int answer = SSL_do_handshake(session_.get());
        if (answer == 1) return true;
        if (SSL_get_error(session_.get(), answer) != SSL_ERROR_WANT_READ)
            throw std::runtime_error{"the client's handshake failed"};
        return false;
    }

    /// One record.
    std::string seal(std::string_view text) {
        ERR_clear_error();
        if (SSL_write(session_.get(), text.data(), static_cast<int>(text.size())) <= 0)
            throw std::runtime_error{"SSL_write failed"};
        return take();
    }
    std::string close_notify() {
        SSL_shutdown(session_.get());
        return take();
    }

    /// What has come so far and was not asked for yet.
    std::string text() {
        std::string text;
        std::array<char, 16'384> room;
        for (;;) {
            ERR_clear_error();
            int size = SSL_read(session_.get(), room.data(), static_cast<int>(room.size()));
            if (size > 0) {
                text.append(room.data(), static_cast<std::size_t>(size));
                continue;
            }
            switch (SSL_get_error(session_.get(), size)) {
            case SSL_ERROR_WANT_READ:
                return text;
            case SSL_ERROR_ZERO_RETURN:
                ended_ = true;
                return text;
            default:
                throw std::runtime_error{"what the server sent cannot be read"};
            }
        }
    }
    /// Whether `text` met the server's close_notify.
    bool ended() const { return ended_; }

    SSL* session() { return session_.get(); }

  private:
    struct free_context {
        void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
    };
    struct free_session {
        void operator()(SSL* session) const { SSL_free(session); }
    };
    std::unique_ptr<SSL_CTX, free_context> context_;
    std::unique_ptr<SSL, free_session> session_;
    bool ended_ = false;
};

} // namespace test
