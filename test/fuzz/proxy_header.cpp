// SPDX-License-Identifier: BSL-1.0
// A PROXY header as a stream brings it, byte by byte: what has been found stays found, nothing is
// taken that is not there, and the client that it names can be named again in both versions.
#include "fuzz/target.hpp"

#include <millipede/wire/proxy_header.hpp>

#include <algorithm>
#include <string>

namespace {

namespace ip = boost::asio::ip;
using header = millipede::detail::proxy_header;
using status = header::status;
using millipede::detail::proxy_header_bytes_max;

header read(std::string_view text) {
    return millipede::detail::read_proxy_header(std::as_bytes(std::span{text}));
}

bool same(header const& one, header const& other) {
    return one.found == other.found && one.size == other.size && one.client == other.client;
}

std::string as_text(ip::tcp::endpoint const& client) {
    bool is_v6 = client.address().is_v6();
    return std::string{"PROXY "} + (is_v6 ? "TCP6 " : "TCP4 ") + client.address().to_string() +
           (is_v6 ? " ::1 " : " 127.0.0.1 ") + std::to_string(client.port()) + " 443\r\n";
}

template <class Bytes>
std::string twice(Bytes const& bytes) { // as the client's address and as ours
    std::string once{reinterpret_cast<char const*>(bytes.data()), bytes.size()};
    return once + once;
}

std::string as_binary(ip::tcp::endpoint const& client) {
    bool is_v6 = client.address().is_v6();
    auto rest = is_v6 ? twice(client.address().to_v6().to_bytes())
                      : twice(client.address().to_v4().to_bytes());
    rest += {static_cast<char>(client.port() >> 8), static_cast<char>(client.port()), 1, 2};
    std::string all{"\r\n\r\n\0\r\nQUIT\n\x21", 13};
    all += {is_v6 ? '\x21' : '\x11', 0, static_cast<char>(rest.size())};
    return all + rest;
}

void check_whole(std::string_view text, header const& found) {
    fuzz::require(found.size > 0 && found.size <= text.size(), "what is taken was there");
    fuzz::require(same(read(text.substr(0, found.size)), found), "what follows changes nothing");
    if (!found.client) return;
    for (auto const& again : {as_text(*found.client), as_binary(*found.client)}) {
        auto reread = read(again);
        fuzz::require(reread.found == status::whole && reread.size == again.size(),
                      "what is written can be read");
        fuzz::require(reread.client == found.client, "what is written is read the same");
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    auto text = fuzz::text_of({data, std::min(size, proxy_header_bytes_max)});
    auto found = read(text);
    // From nothing on, every byte more is awaited until it is known what this is.
    for (std::size_t length = 0; length <= text.size(); ++length) {
        auto sooner = read(text.substr(0, length));
        if (sooner.found == status::incomplete) continue;
        fuzz::require(same(sooner, found), "what has been found stays found");
        fuzz::require(found.found != status::whole || length >= found.size, "no byte is guessed");
    }
    if (text.size() == proxy_header_bytes_max)
        fuzz::require(found.found != status::incomplete, "nobody is waited for without end");
    if (found.found == status::whole) check_whole(text, found);
    return 0;
}
