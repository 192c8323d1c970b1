// SPDX-License-Identifier: BSL-1.0
#include <millipede/wire/proxy_header.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace millipede::detail {
namespace {

namespace ip = boost::asio::ip;
using status = proxy_header::status;

proxy_header const refused{status::refused};
proxy_header const incomplete{status::incomplete};

// Version 1: a line of text.

constexpr std::string_view text_begin = "PROXY ";
constexpr std::size_t text_bytes_max = 107;

// Takes the next word off `line`; words are separated by one blank each.
std::string_view take_word(std::string_view& line) noexcept {
    auto word = line.substr(0, line.find(' '));
    line.remove_prefix(std::min(line.size(), word.size() + 1));
    return word;
}

std::optional<ip::address> parse_address(std::string_view text, bool is_v6) noexcept {
    std::array<char, 46> terminated{}; // the longest IPv6 address is 45 characters long
    // A scope would name an interface of another machine; a zero byte would hide what follows it.
    constexpr std::string_view unwanted{"%\0", 2};
    if (text.size() >= terminated.size() || text.find_first_of(unwanted) != text.npos)
        return std::nullopt;
    text.copy(terminated.data(), text.size());
    boost::system::error_code code;
    ip::address address;
    if (is_v6)
        address = ip::make_address_v6(terminated.data(), code);
    else
        address = ip::make_address_v4(terminated.data(), code);
    if (code) return std::nullopt;
    return address;
}

std::optional<std::uint16_t> parse_port(std::string_view text) noexcept {
    std::uint16_t port = 0;
    auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), port);
    bool leading_zero = text.size() > 1 && text.front() == '0';
    if (failure != std::errc{} || end != text.data() + text.size() || leading_zero)
        return std::nullopt;
    return port;
}

// What stands between "PROXY " and the end of the line.
proxy_header read_text(std::string_view line, std::size_t size) noexcept {
    auto family = take_word(line);
    if (family == "UNKNOWN") return {status::whole, size};
    if (family != "TCP4" && family != "TCP6") return refused;
    bool is_v6 = family == "TCP6";
    auto source = parse_address(take_word(line), is_v6);
    auto destination = parse_address(take_word(line), is_v6);
    auto source_port = parse_port(take_word(line));
    auto destination_port = parse_port(line); // the rest: nothing may follow
    if (!source || !destination || !source_port || !destination_port) return refused;
    return {status::whole, size, ip::tcp::endpoint{*source, *source_port}};
}

proxy_header read_text(std::string_view text) noexcept {
    auto line = text.substr(0, text_bytes_max);
    auto end = line.find_first_of("\r\n");
    if (end == std::string_view::npos || end + 1 == line.size()) {
        bool may_go_on = line.size() < text_bytes_max && (end == line.npos || line[end] == '\r');
        return may_go_on ? incomplete : refused;
    }
    if (line.substr(end, 2) != "\r\n") return refused;
    return read_text(line.substr(text_begin.size(), end - text_begin.size()), end + 2);
}

// Version 2: binary, in network byte order.

constexpr std::string_view binary_begin{"\r\n\r\n\0\r\nQUIT\n", 12};
constexpr std::size_t binary_head_bytes = 16;

struct binary_head {
    unsigned command, family, protocol;
    std::size_t rest_bytes;
};

unsigned byte_at(std::string_view text, std::size_t at) noexcept {
    return static_cast<unsigned char>(text[at]);
}

std::uint16_t word_at(std::string_view text, std::size_t at) noexcept {
    return static_cast<std::uint16_t>(byte_at(text, at) << 8 | byte_at(text, at + 1));
}

template <class Address>
ip::address address_at(std::string_view text, std::size_t at) noexcept {
    typename Address::bytes_type bytes;
    std::memcpy(bytes.data(), text.data() + at, bytes.size());
    return Address{bytes};
}

// Type, length and value, again and again, up to the very end. What they tell is not used.
bool are_attributes(std::string_view rest) noexcept {
    while (rest.size() >= 3) {
        auto size = std::size_t{3} + word_at(rest, 1);
        if (size > rest.size()) return false;
        rest.remove_prefix(size);
    }
    return rest.empty();
}

// What follows the head of a PROXY command.
proxy_header read_addresses(binary_head const& head, std::string_view rest) noexcept {
    constexpr std::array<std::size_t, 4> address_bytes{0, 12, 36, 216};
    constexpr unsigned stream = 1; // datagrams do not come by TCP
    if (head.family >= address_bytes.size() || head.protocol > stream) return refused;
    if ((head.family == 0) != (head.protocol == 0)) return refused;
    proxy_header header{status::whole, binary_head_bytes + rest.size()};
    if (head.family == 0) return header;
    auto size = address_bytes[head.family];
    if (rest.size() < size || !are_attributes(rest.substr(size))) return refused;
    if (head.family == 1)
        header.client = ip::tcp::endpoint{address_at<ip::address_v4>(rest, 0), word_at(rest, 8)};
    if (head.family == 2)
        header.client = ip::tcp::endpoint{address_at<ip::address_v6>(rest, 0), word_at(rest, 32)};
    return header;
}

proxy_header read_binary(std::string_view text) noexcept {
    constexpr unsigned local = 0, proxy = 1;
    if (text.size() > 12) {
        bool known = byte_at(text, 12) >> 4 == 2 && (byte_at(text, 12) & 0xf) <= proxy;
        if (!known) return refused;
    }
    if (text.size() < binary_head_bytes) return incomplete;
    binary_head head{byte_at(text, 12) & 0xf, byte_at(text, 13) >> 4, byte_at(text, 13) & 0xf,
                     word_at(text, 14)};
    auto size = binary_head_bytes + head.rest_bytes;
    if (size > proxy_header_bytes_max) return refused;
    if (text.size() < size) return incomplete;
    // The proxy's own: family and addresses mean nothing, and are skipped whatever they are.
    if (head.command == local) return {status::whole, size};
    return read_addresses(head, text.substr(binary_head_bytes, head.rest_bytes));
}

bool begins_like(std::string_view text, std::string_view begin) noexcept {
    auto size = std::min(text.size(), begin.size());
    return text.substr(0, size) == begin.substr(0, size);
}

} // namespace

proxy_header read_proxy_header(std::span<std::byte const> bytes) noexcept {
    std::string_view text{reinterpret_cast<char const*>(bytes.data()), bytes.size()};
    if (begins_like(text, text_begin))
        return text.size() < text_begin.size() ? incomplete : read_text(text);
    if (begins_like(text, binary_begin))
        return text.size() < binary_begin.size() ? incomplete : read_binary(text);
    return refused;
}

} // namespace millipede::detail
