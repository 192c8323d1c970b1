// SPDX-License-Identifier: BSL-1.0
#include <millipede/base/endpoint.hpp>

#include <charconv>
#include <sstream>
#include <stdexcept>

namespace millipede {

namespace asio = boost::asio;

asio::ip::tcp::endpoint parse_endpoint(std::string_view text) {
    auto refuse = [&](char const* why) -> std::invalid_argument {
        return std::invalid_argument{"'" + std::string{text} + "' is not ADDR:PORT: " + why};
    };
    if (text.find('\0') != std::string_view::npos) throw refuse("there is a zero byte in it");
    auto colon = text.rfind(':');
    if (colon == std::string_view::npos) throw refuse("the port is missing");

    auto port_text = text.substr(colon + 1);
    std::uint16_t port = 0;
    auto [end, failure] =
        std::from_chars(port_text.data(), port_text.data() + port_text.size(), port);
    if (failure != std::errc{} || end != port_text.data() + port_text.size())
        throw refuse("the port is a number from 0 to 65535");

    auto address_text = text.substr(0, colon);
    bool bracketed =
        address_text.size() >= 2 && address_text.front() == '[' && address_text.back() == ']';
    if (bracketed) address_text = address_text.substr(1, address_text.size() - 2);
    boost::system::error_code code;
    auto address = asio::ip::make_address(std::string{address_text}, code);
    if (code || address.is_v6() != bracketed)
        throw refuse("the address is an IPv4 address, or an IPv6 address in brackets");
    return {address, port};
}

std::string to_string(asio::ip::tcp::endpoint const& endpoint) {
    std::ostringstream text;
    text << endpoint;
    return text.str();
}

} // namespace millipede
