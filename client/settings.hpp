// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

/// What is wrong with the command line, in one line.
class usage_error : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

struct client_settings {
    std::string verb; ///< login, send, watch; empty: nothing to do (--help, --version).
    std::string host;
    std::string port;
    std::uint16_t uid = 1;
    std::chrono::milliseconds hold{};
    std::uint16_t command = 0x6102;
    std::vector<std::byte> data;
    std::uint32_t magic = 0x8eb69af7;
    std::chrono::milliseconds timeout = std::chrono::seconds{5};
};

/// \throws usage_error
client_settings read_settings(int argc, char const* const* argv);
