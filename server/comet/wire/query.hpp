// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "wire/http_request.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace comet {

/// Percent-decodes; a '%' that no two hexadecimal digits follow stays as it is.
/// \param plus_is_blank as in a query's values.
std::string percent_decoded(std::string_view text, bool plus_is_blank);

/// The parameters of a request: items `name=value` between '&', in a POST's body and in the query.
/// What stands in the body wins. Names compare without case and are not decoded, the first of a
/// name counts. One item without a '=' or without a name makes its whole source void, and in the
/// query so does a byte that RFC 3986 does not allow there, as libevent has it.
class parameters {
  public:
    /// Points into the request, which must outlive it.
    explicit parameters(http_request const& request) noexcept;
    /// Those of a query alone.
    explicit parameters(std::string_view query) noexcept;

    /// Whether there is a query and it says nothing, as it is void.
    bool is_void() const noexcept { return is_void_; }

    /// The decoded value, up to a NUL; null when there is none of that name.
    std::optional<std::string> find(std::string_view name) const;
    /// The same, empty when there is none.
    std::string text(std::string_view name) const { return find(name).value_or(std::string{}); }
    /// The value as C's `atoi` reads it, in 32 bits that wrap; 0 when there is none.
    std::int32_t number(std::string_view name) const;
    /// The value when it is digits alone and no more than `most`, 0 when there is none of that
    /// name; null when it is anything else.
    std::optional<std::uint32_t> whole_number(std::string_view name, std::uint32_t most) const;

  private:
    std::string_view body_;
    std::string_view query_;
    bool is_void_ = false;
};

} // namespace comet
