// SPDX-License-Identifier: BSL-1.0
#include <millipede/base/listen_address.hpp>

#include <millipede/base/endpoint.hpp>

#include <sys/un.h>

#include <charconv>
#include <stdexcept>

namespace millipede {
namespace {

constexpr std::string_view unix_prefix{"unix:"};
constexpr std::string_view inherited_prefix{"fd:"};
constexpr std::string_view systemd_prefix{"systemd:"};

std::invalid_argument refusal(std::string_view text, std::string_view why) {
    // A message ends at a zero byte, and with it the reason behind.
    std::string shown{text.substr(0, text.find('\0'))};
    return std::invalid_argument{"'" + shown + "' is no place to listen: " + std::string{why}};
}

unix_address parse_unix(std::string_view text) {
    auto path = text.substr(unix_prefix.size());
    if (path.empty()) throw refusal(text, "the path is missing");
    if (path.find('\0') != std::string_view::npos) throw refusal(text, "a zero byte in the path");
    constexpr auto path_max = sizeof(sockaddr_un::sun_path) - 1;
    if (path.size() > path_max)
        throw refusal(text, "the path is longer than " + std::to_string(path_max) + " bytes");
    return {std::string{path}};
}

inherited_address parse_inherited(std::string_view text) {
    auto digits = text.substr(inherited_prefix.size());
    int number = -1;
    auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (failure != std::errc{} || end != digits.data() + digits.size() || number < 0)
        throw refusal(text, "behind fd: stands the number of a descriptor");
    return {number};
}

systemd_address parse_systemd(std::string_view text) {
    auto name = text.substr(systemd_prefix.size());
    if (name.find_first_of(std::string_view{":\0", 2}) != std::string_view::npos)
        throw refusal(text, "a name has no colon in it, and no zero byte");
    return {std::string{name}};
}

} // namespace

listen_address parse_listen_address(std::string_view text) {
    if (text.starts_with(unix_prefix)) return parse_unix(text);
    if (text.starts_with(inherited_prefix)) return parse_inherited(text);
    if (text.starts_with(systemd_prefix)) return parse_systemd(text);
    return parse_endpoint(text);
}

std::string to_string(listen_address const& address) {
    struct {
        std::string operator()(boost::asio::ip::tcp::endpoint const& endpoint) const {
            return to_string(endpoint);
        }
        std::string operator()(unix_address const& place) const {
            return std::string{unix_prefix} + place.path;
        }
        std::string operator()(inherited_address const& place) const {
            return std::string{inherited_prefix} + std::to_string(place.descriptor);
        }
        std::string operator()(systemd_address const& place) const {
            return std::string{systemd_prefix} + place.name;
        }
    } text_of;
    return std::visit(text_of, address);
}

} // namespace millipede
