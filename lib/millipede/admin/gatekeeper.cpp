// SPDX-License-Identifier: BSL-1.0
#include <millipede/admin/gatekeeper.hpp>

#include <boost/asio/ip/address.hpp>
#include <boost/beast/core/string.hpp>

#include <algorithm>
#include <cstddef>
#include <utility>

namespace millipede::detail {
namespace {

using boost::beast::iequals;

// Takes as long whatever the guess, as far as one can say in C++; the length is no secret.
bool equal_in_constant_time(std::string_view guess, std::string_view secret) noexcept {
    if (guess.size() != secret.size()) return false;
    unsigned char volatile difference = 0;
    for (std::size_t at = 0; at < secret.size(); ++at)
        difference = static_cast<unsigned char>(difference | (guess[at] ^ secret[at]));
    return difference == 0;
}

// Of NAME, NAME:PORT, [ADDRESS] or [ADDRESS]:PORT; without brackets.
std::string_view name_in(std::string_view host) {
    if (host.starts_with('[')) return host.substr(1, host.find(']') - 1);
    return host.substr(0, host.find(':'));
}

} // namespace

gatekeeper::gatekeeper(std::string token, std::vector<std::string> host_names)
    : token_{std::move(token)}, host_names_{std::move(host_names)} {}

bool gatekeeper::has_token(std::string_view authorization) const noexcept {
    constexpr std::string_view scheme{"Bearer "};
    if (!iequals(authorization.substr(0, scheme.size()), scheme)) return false;
    authorization.remove_prefix(scheme.size());
    authorization.remove_prefix(
        std::min(authorization.find_first_not_of(' '), authorization.size()));
    return equal_in_constant_time(authorization, token_);
}

bool gatekeeper::known_host(std::string_view host) const {
    auto name = name_in(host);
    boost::system::error_code not_an_address;
    boost::asio::ip::make_address(std::string{name}, not_an_address);
    return !not_an_address || iequals(name, "localhost") ||
           std::any_of(host_names_.begin(), host_names_.end(),
                       [&](std::string const& known) { return iequals(known, name); });
}

std::optional<http_response> gatekeeper::refuse(http_request const& request, bool open) const {
    if (!request.has_host && !request.is_http_10) return http_text(400, "there is no Host");
    // With a token, a page of another site that reaches us by a name of its own gets no further.
    if (token_.empty() && request.has_host && !known_host(request.host))
        return http_text(421, "this is not '" + request.host +
                                  "': ask by an address or by localhost, or set a token");
    if (open || token_.empty() || has_token(request.authorization)) return std::nullopt;
    auto refusal = http_text(401, "a token is needed");
    refusal.fields.emplace_back("WWW-Authenticate", "Bearer realm=\"millipede\"");
    return refusal;
}

std::optional<http_response> gatekeeper::refuse_change(http_request const& request) const {
    auto const& origin = request.origin;
    auto const& site = request.fetch_site;
    bool from_here = origin.empty() || iequals(origin, "http://" + request.host) ||
                     iequals(origin, "https://" + request.host); // a proxy before us may add TLS
    if (from_here && (site.empty() || site == "same-origin" || site == "none")) return std::nullopt;
    return http_text(403, "another site may not change anything here");
}

} // namespace millipede::detail
