// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "support/certificates.hpp"
#include "support/wait.hpp"
#include "support/wire.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/write.hpp>

#include <array>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace test {

/// What a `tls_client` says, and whom it trusts.
struct tls_client_settings {
    std::string ca_file{};          ///< Who signed the server's certificate; empty: anybody.
    issued certificate{};           ///< Its own, if it has one.
    int version = 0;                ///< TLS1_2_VERSION or TLS1_3_VERSION; 0: the best.
    std::string header{};           ///< Bytes before the handshake.
    int receive_buffer = 0;         ///< For SO_RCVBUF; 0 leaves the system's.
    SSL_SESSION* session = nullptr; ///< To resume.
};

/// A TLS client of Asio's own making, which knows nothing of the library. Whatever takes longer
/// than `patience` throws; so does a handshake that fails (boost::system::system_error).
class tls_client {
  public:
    using error_code = boost::system::error_code;
    using stream_type = boost::asio::ssl::stream<boost::asio::ip::tcp::socket>;

    explicit tls_client(boost::asio::ip::tcp::endpoint const& endpoint,
                        tls_client_settings const& settings = {})
        : parts_{std::make_unique<parts>(settings)} {
        auto& socket = stream().next_layer();
        socket.open(endpoint.protocol());
        if (settings.receive_buffer != 0)
            socket.set_option(
                boost::asio::socket_base::receive_buffer_size{settings.receive_buffer});
        socket.connect(endpoint);
        socket.set_option(boost::asio::ip::tcp::no_delay{true});
        boost::asio::write(socket, boost::asio::buffer(settings.header));
        auto [code, size] = finish([&](auto done) {
            stream().async_handshake(stream_type::client,
                                     [done](error_code failure) mutable { done(failure, 0); });
        });
        if (code) throw boost::system::system_error{code, "handshake"};
    }

    /// Each call is one record, as long as it is not longer than one.
    bool send(std::string_view bytes) {
        auto [code, size] = finish([&](auto done) {
            boost::asio::async_write(stream(), boost::asio::buffer(bytes), done);
        });
        return !code;
    }

    std::string read(std::size_t size) {
        std::string bytes(size, '\0');
        auto [code, got] = finish([&](auto done) {
            boost::asio::async_read(stream(), boost::asio::buffer(bytes), done);
        });
        if (code) throw boost::system::system_error{code, "read"};
        return bytes;
    }

    /// One frame with its head.
    std::string read_frame() {
        auto head = read(8);
        auto size = little(std::string_view{head}.substr(4, 2));
        if (size < 8) throw std::runtime_error{"not a frame"};
        return head + read(size - 8);
    }

    struct ending {
        std::string bytes;
        error_code code;
        /// Ended properly, by close_notify.
        bool clean() const { return code == boost::asio::error::eof; }
    };
    ending read_to_end() {
        ending result;
        std::array<char, 16'384> room;
        while (!result.code) {
            auto [code, size] = finish(
                [&](auto done) { stream().async_read_some(boost::asio::buffer(room), done); });
            result.bytes.append(room.data(), size);
            result.code = code;
        }
        return result;
    }

    /// Says close_notify and waits for the server's. Success, or why it did not come.
    error_code close() {
        auto [code, size] = finish([&](auto done) {
            stream().async_shutdown([done](error_code failure) mutable { done(failure, 0); });
        });
        return code;
    }

    /// The number of the server's certificate.
    long serial() {
        struct free_certificate {
            void operator()(X509* certificate) const { X509_free(certificate); }
        };
        std::unique_ptr<X509, free_certificate> certificate{
            SSL_get1_peer_certificate(stream().native_handle())};
        return certificate ? ASN1_INTEGER_get(X509_get0_serialNumber(certificate.get())) : 0;
    }

    stream_type& stream() { return parts_->stream; }
    boost::asio::ip::tcp::socket& socket() { return stream().next_layer(); }

  private:
    struct parts {
        explicit parts(tls_client_settings const& settings)
            : tls{prepared(settings)}, stream{context, tls} {
            if (settings.session) SSL_set_session(stream.native_handle(), settings.session);
        }
        static boost::asio::ssl::context prepared(tls_client_settings const& settings) {
            boost::asio::ssl::context tls{boost::asio::ssl::context::tls_client};
            if (!settings.ca_file.empty()) {
                tls.load_verify_file(settings.ca_file);
                tls.set_verify_mode(boost::asio::ssl::verify_peer);
            }
            if (!settings.certificate.certificate_file.empty()) {
                tls.use_certificate_file(settings.certificate.certificate_file,
                                         boost::asio::ssl::context::pem);
                tls.use_private_key_file(settings.certificate.key_file,
                                         boost::asio::ssl::context::pem);
            }
            if (settings.version != 0) {
                SSL_CTX_set_min_proto_version(tls.native_handle(), settings.version);
                SSL_CTX_set_max_proto_version(tls.native_handle(), settings.version);
            }
            return tls;
        }
        boost::asio::io_context context{1};
        boost::asio::ssl::context tls;
        stream_type stream;
    };

    // Runs one asynchronous operation to its end.
    template <class Start>
    std::pair<error_code, std::size_t> finish(Start start) {
        auto outcome = std::make_shared<std::optional<std::pair<error_code, std::size_t>>>();
        start([outcome](error_code code, std::size_t size) { outcome->emplace(code, size); });
        parts_->context.restart();
        auto end = std::chrono::steady_clock::now() + patience;
        while (!*outcome && parts_->context.run_one_until(end) != 0) {
        }
        if (!*outcome) throw std::runtime_error{"nothing came of it in time"};
        return **outcome;
    }

    std::unique_ptr<parts> parts_;
};

} // namespace test
