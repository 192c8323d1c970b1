// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace millipede::detail {

/// A request that makes no sense; the client is told why.
class bad_request : public std::invalid_argument {
  public:
    using std::invalid_argument::invalid_argument;
};

/// The target of a request: `/connections?limit=10`.
class http_target {
  public:
    /// \throws bad_request unless it is a path with an optional query, well encoded.
    explicit http_target(std::string_view text);

    std::string const& path() const noexcept { return path_; }
    /// Null when there is none of that name.
    std::string const* find(std::string_view name) const noexcept;
    /// So that a misspelt parameter is not passed over. \throws bad_request for one that is not
    /// among these, and for one that comes twice.
    void allow_only(std::vector<std::string_view> const& names) const;
    /// A whole number of `least` to `most`. \throws bad_request
    std::uint64_t number(std::string_view name, std::uint64_t otherwise, std::uint64_t least,
                         std::uint64_t most) const;
    /// A number and its unit, as `500ms`, `30s`, `5m`, `1h`, up to a year. \throws bad_request
    std::optional<std::chrono::milliseconds> time(std::string_view name) const;

  private:
    std::string path_;
    std::vector<std::pair<std::string, std::string>> parameters_;
};

} // namespace millipede::detail
