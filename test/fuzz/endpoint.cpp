// SPDX-License-Identifier: BSL-1.0
// ADDR:PORT as a user writes it: refused in one way, or understood, and then written as it is read.
#include "fuzz/target.hpp"

#include <millipede/base/endpoint.hpp>

#include <optional>
#include <stdexcept>
#include <string>

namespace {

using endpoint_type = boost::asio::ip::tcp::endpoint;

std::optional<endpoint_type> parsed(std::string_view text) {
    try {
        return millipede::parse_endpoint(text);
    } catch (std::invalid_argument const& refusal) {
        fuzz::require(std::string_view{refusal.what()}.size() > text.size(),
                      "a refusal shows what it refuses, and why");
        return std::nullopt;
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    auto endpoint = parsed(fuzz::text_of({data, size}));
    if (!endpoint) return 0;
    auto again = parsed(millipede::to_string(*endpoint));
    fuzz::require(again.has_value(), "what is written can be read");
    fuzz::require(*again == *endpoint, "what is written is read the same");
    return 0;
}
