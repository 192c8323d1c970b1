// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "wire/http_reply.hpp"

#include <string>
#include <string_view>

namespace comet {

/// Whose pages may read what they ask for here, as browsers see to it (CORS). Who asks without a
/// browser is not held back by any of this.
class cors {
  public:
    /// Pages of every origin.
    cors() : cors{"*"} {}
    /// \param origin `*` for all, `none`, or one: `https://example.com`, with a port if it has one.
    /// \throws std::invalid_argument
    explicit cors(std::string_view origin);

    /// The line that every reply has; empty: pages of other origins read nothing.
    std::string const& fields() const noexcept { return fields_; }
    /// Whether a page may begin a WebSocket: browsers name its origin, and leave it to the server.
    /// \param origin as the request names it; empty: it does not, and is no page's
    /// \param host the request's: pages of the server itself may
    bool admits(std::string_view origin, std::string_view host) const noexcept;
    /// Whether browsers that ask beforehand, by OPTIONS, are answered.
    bool answers() const noexcept { return !fields_.empty(); }
    /// The answer, beside `fields()`.
    http_reply answer() const;

  private:
    std::string origin_{};
    std::string fields_{};
};

} // namespace comet
