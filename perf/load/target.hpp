// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <netinet/in.h>
#include <sys/socket.h>

namespace load {

struct target {
    std::string text;
    sockaddr_storage address{};
    socklen_t address_bytes = 0;
    bool in_loopback_network = false; // 127.0.0.0/8, where every address is ours to send from
};

// HOST:PORT or [IPV6]:PORT. Throws std::invalid_argument with a sentence, also for every target
// outside 127.0.0.0/8 and ::1 unless allow_remote is set: a typing error must not become an attack.
target parse_target(std::string_view text, bool allow_remote);

// Source address number `index`: 127.0.0.1, 127.0.0.2, ...
sockaddr_in source_address(std::uint32_t index);
inline constexpr std::uint32_t source_addresses_max = 65'000;

// The ports that the kernel gives to connections, both ends included.
struct port_range {
    std::uint32_t first = 32'768;
    std::uint32_t last = 60'999;
};
port_range local_ports(); // of this machine: net.ipv4.ip_local_port_range

// How many source addresses keep the kernel's search for a free port short.
std::uint32_t enough_source_addresses(std::uint64_t ports_in_use_max, port_range ports);

} // namespace load
