// SPDX-License-Identifier: BSL-1.0
// In the place of tls_context.cpp when the library is built without OpenSSL.
#include <millipede/base/options.hpp>
#include <millipede/worker/tls_context.hpp>

namespace millipede::detail {

tls_context::tls_context(listen_options const& listener) {
    throw invalid_option{"listen", "TLS on " + listener.endpoint +
                                       ", but this build of the library is without TLS; build it "
                                       "with OpenSSL 3 (MILLIPEDE_WITH_TLS=ON)"};
}

void tls_context::reload() {}

std::unique_ptr<transport> tls_context::accept(int, buffer_pool&) const {
    return nullptr;
}

} // namespace millipede::detail
