// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/admin/http_message.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace millipede::detail {

/// Who may ask for what. See docs/admin.md for the rules and whom they keep out.
class gatekeeper {
  public:
    /// \param token empty: none is asked for. \param host_names beside localhost and addresses.
    gatekeeper(std::string token, std::vector<std::string> host_names);

    /// What is to be answered instead, if the request is refused. \param open whether the thing
    /// that is asked for needs no token.
    std::optional<http_response> refuse(http_request const& request, bool open) const;
    /// The same for what changes something.
    std::optional<http_response> refuse_change(http_request const& request) const;

  private:
    bool has_token(std::string_view authorization) const noexcept;
    bool known_host(std::string_view host) const;

    std::string token_;
    std::vector<std::string> host_names_;
};

} // namespace millipede::detail
