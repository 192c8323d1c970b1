// SPDX-License-Identifier: BSL-1.0
// In the place of tls.cpp and tls_session.cpp when the library is built without OpenSSL.
#include <millipede/base/options.hpp>
#include <millipede/client/tls_session.hpp>

#include <boost/asio/error.hpp>

namespace millipede {

client_tls::client_tls(client_tls_options) {
    throw invalid_option{"tls", "this build of the library is without TLS; build it with OpenSSL 3 "
                                "(MILLIPEDE_WITH_TLS=ON)"};
}

boost::system::error_category const& certificate_category() noexcept {
    return category(); // no code of it is ever made
}

namespace detail {

// Never called: there is no client_tls to make one of.
void tls_session::free_session::operator()(ssl_st*) const noexcept {}
tls_session::tls_session(client_tls const&, int descriptor, std::string const&)
    : descriptor_{descriptor} {}
tls_session::~tls_session() = default;
stream_step tls_session::failure(int) {
    return {.code = boost::asio::error::operation_not_supported};
}
stream_step tls_session::handshake() {
    return failure(descriptor_);
}
stream_step tls_session::read(std::span<std::byte>) {
    return failure(descriptor_);
}
stream_step tls_session::write(std::span<std::byte const>) {
    return failure(descriptor_);
}
void tls_session::say_end() noexcept {}

} // namespace detail
} // namespace millipede
