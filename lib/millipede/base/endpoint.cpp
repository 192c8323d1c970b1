// SPDX-License-Identifier: BSL-1.0
#include <millipede/base/endpoint.hpp>

#include <net/if.h>

#include <charconv>
#include <sstream>
#include <stdexcept>

namespace millipede {

namespace asio = boost::asio;

namespace {

// Asio reads a zone (what follows % in an IPv6 address) with atoi(): what is neither an interface
// nor a number would mean another interface, or none.
bool is_zone(std::string const& text, std::uint32_t scope_id) {
    std::uint32_t number = 0;
    auto const* end = text.data() + text.size();
    auto [stop, failure] = std::from_chars(text.data(), end, number);
    if (failure != std::errc{} || stop != end) number = ::if_nametoindex(text.c_str());
    return number != 0 && number == scope_id;
}

// A message ends at a zero byte, and with it the reason behind.
std::string without_zeros(std::string_view text) {
    std::string shown;
    for (char letter : text)
        if (letter == '\0')
            shown += "\\0";
        else
            shown += letter;
    return shown;
}

} // namespace

asio::ip::tcp::endpoint parse_endpoint(std::string_view text) {
    auto refuse = [&](char const* why) -> std::invalid_argument {
        return std::invalid_argument{"'" + without_zeros(text) + "' is not ADDR:PORT: " + why};
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
    auto percent = address_text.find('%');
    if (percent != std::string_view::npos &&
        !is_zone(std::string{address_text.substr(percent + 1)},
                 static_cast<std::uint32_t>(address.to_v6().scope_id())))
        throw refuse("what follows % is no interface of this machine");
    return {address, port};
}

std::string to_string(asio::ip::tcp::endpoint const& endpoint) {
    std::ostringstream text;
    text << endpoint;
    return text.str();
}

} // namespace millipede
