// SPDX-License-Identifier: BSL-1.0
#include <millipede/worker/tls_error.hpp>

#include <openssl/err.h>

#include <string>

namespace millipede::detail {
namespace {

class tls_category_type final : public boost::system::error_category {
  public:
    char const* name() const noexcept override { return "millipede.tls"; }
    std::string message(int value) const override {
        auto code = static_cast<unsigned long>(static_cast<unsigned>(value));
        if (ERR_SYSTEM_ERROR(code))
            return boost::system::system_category().message(ERR_GET_REASON(code));
        auto const* reason = ERR_reason_error_string(code);
        return reason ? reason : "unknown TLS error " + std::to_string(code);
    }
};

} // namespace

boost::system::error_category const& tls_category() noexcept {
    static tls_category_type const instance;
    return instance;
}

error_code take_tls_error() noexcept {
    auto first = ERR_get_error();
    ERR_clear_error();
    // 0 would be success, and whoever asks has seen a failure.
    auto value = first == 0 ? static_cast<unsigned long>(ERR_R_INTERNAL_ERROR) : first;
    return {static_cast<int>(value), tls_category()};
}

} // namespace millipede::detail
