// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace comet {

/// Who may use the admin port, by icomet's rules. A rule is an IPv4 address, which fits as a whole,
/// or the beginning of one (`192.168`), which fits as text, or `all`. An `allow` that fits passes;
/// then a `deny` that fits refuses; then `deny: all`, `allow: all`, and then nobody. Without rules
/// everybody passes.
class address_gate {
  public:
    /// \throws std::invalid_argument when `rule` is nothing of the above.
    void allow(std::string const& rule) { add(allowed_, rule); }
    /// \copydoc allow
    void deny(std::string const& rule) { add(denied_, rule); }

    /// There have been no such rules.
    void forget_allowed() { allowed_ = {}; }
    /// \copydoc forget_allowed
    void forget_denied() { denied_ = {}; }

    /// \param address as text; of IPv6 only `all` speaks, but for IPv4 in it.
    bool admits(std::string_view address) const noexcept;
    /// Whether there are any.
    bool has_rules() const noexcept { return !allowed_.empty() || !denied_.empty(); }

  private:
    struct rules {
        std::vector<std::string> whole;
        std::vector<std::string> beginnings;
        bool all = false;

        bool empty() const noexcept { return whole.empty() && beginnings.empty() && !all; }
        bool fit(std::string_view address) const noexcept;
    };

    static void add(rules& to, std::string const& rule);

    rules allowed_;
    rules denied_;
};

} // namespace comet
