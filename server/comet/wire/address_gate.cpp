// SPDX-License-Identifier: BSL-1.0
#include "wire/address_gate.hpp"

#include <algorithm>
#include <stdexcept>

namespace comet {

bool address_gate::admits(std::string_view address) const noexcept {
    constexpr std::string_view mapped{"::ffff:"}; // IPv4 at a socket of IPv6
    if (address.starts_with(mapped)) address.remove_prefix(mapped.size());
    if (allowed_.empty() && denied_.empty()) return true;
    if (allowed_.fit(address)) return true;
    if (denied_.fit(address) || denied_.all) return false;
    return allowed_.all;
}

bool address_gate::rules::fit(std::string_view address) const noexcept {
    return std::find(whole.begin(), whole.end(), address) != whole.end() ||
           std::any_of(beginnings.begin(), beginnings.end(),
                       [&](std::string const& begin) { return address.starts_with(begin); });
}

void address_gate::add(rules& to, std::string const& rule) {
    constexpr std::string_view digits_and_dots{"0123456789."};
    constexpr std::ptrdiff_t dots_of_all_four = 3;
    if (rule == "all") {
        to.all = true;
        return;
    }
    if (rule.empty() || rule.find_first_not_of(digits_and_dots) != std::string::npos)
        throw std::invalid_argument{"'" + rule +
                                    "' is neither all, nor an IPv4 address, nor the "
                                    "beginning of one"};
    bool is_whole =
        std::count(rule.begin(), rule.end(), '.') == dots_of_all_four && !rule.ends_with('.');
    (is_whole ? to.whole : to.beginnings).push_back(rule);
}

} // namespace comet
