// SPDX-License-Identifier: BSL-1.0
// A place to listen as a user writes it: refused in one way, or understood, and then written as it
// is read.
#include "fuzz/target.hpp"

#include <millipede/base/listen_address.hpp>

#include <optional>
#include <stdexcept>
#include <string>

namespace {

std::optional<millipede::listen_address> parsed(std::string_view text) {
    try {
        return millipede::parse_listen_address(text);
    } catch (std::invalid_argument const& refusal) {
        fuzz::require(!std::string_view{refusal.what()}.empty(), "a refusal says why");
        return std::nullopt;
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    auto address = parsed(fuzz::text_of({data, size}));
    if (!address) return 0;
    auto again = parsed(millipede::to_string(*address));
    fuzz::require(again.has_value(), "what is written can be read");
    fuzz::require(*again == *address, "what is written is read the same");
    if (auto const* path = std::get_if<millipede::unix_address>(&*address))
        fuzz::require(!path->path.empty() && path->path.size() <= 107 &&
                          path->path.find('\0') == std::string::npos,
                      "a path is one that the system takes");
    return 0;
}
