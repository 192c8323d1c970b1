// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/base/options.hpp>
#include <millipede/process/machine.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace millipede {

// What one idle connection takes, as it was measured (docs/performance.md).

/// User memory, session of 8 bytes included: natively; a million in one process take 40.
inline constexpr std::uint64_t user_bytes_per_connection = 48;
/// Kernel memory of the server's end: 3,864 bytes of slab objects were measured, 3,981 with tables
/// of descriptors and what pages leave unused. Rounded up.
inline constexpr std::uint64_t kernel_bytes_per_connection = 4'096;
/// OpenSSL's state, with TLS 1.3: 13.9 KiB.
inline constexpr std::uint64_t tls_bytes_per_connection = 14'234;
/// User memory with `transport_kind::asio`, instead of `user_bytes_per_connection`.
inline constexpr std::uint64_t asio_bytes_per_connection = 4'980;

/// What is asked of a machine.
struct capacity_question {
    std::uint64_t connections = 0; ///< In all; 0: how many it holds.
    std::uint32_t workers = 0;     ///< 0: one for every processor there is, as servers do.
    bool tls = false;              ///< All connections are TLS.
    transport_kind transport = transport_kind::epoll; ///< See `options::transport`.
    /// User memory that the application keeps for each connection beyond 8 bytes of session.
    std::uint64_t bytes_beside = 0;
};

/// A line that changes a limit, and where it belongs.
struct remedy {
    std::string where; ///< "sysctl.d", "systemd", "limits.conf", "docker", "option" and so on.
    std::string line;  ///< As it is written there.
};

/// A limit that ends the number of connections.
struct capacity_limit {
    std::string name;         ///< As the system calls it.
    bool in_bytes = false;    ///< Whether `value`, `in_use` and `needs` are bytes; or a number.
    std::uint64_t value = 0;  ///< What it is.
    std::uint64_t in_use = 0; ///< What others have of it already.
    std::uint64_t allows = 0; ///< So many connections; `unlimited`: it does not end them.
    /// What it would have to be for the connections that were asked about; 0: none were.
    std::uint64_t needs = 0;
    std::vector<remedy> remedies{}; ///< What makes it so; empty when it is enough.
};

/// Something that ends no connection, but hurts.
struct capacity_advice {
    std::string name;               ///< As the system calls it.
    std::string text;               ///< What is the matter, in a sentence.
    std::vector<remedy> remedies{}; ///< What would be better.
};

/// What a machine holds, and what stops it.
struct capacity {
    std::uint64_t wanted = 0;               ///< What was asked about; 0: nothing.
    std::uint32_t workers = 0;              ///< That were reckoned with.
    std::uint64_t bytes_per_connection = 0; ///< That were reckoned with, the kernel's included.
    std::vector<capacity_limit> limits{};   ///< The one that comes first in front.
    std::vector<capacity_advice> advice{};  ///< In the order of its weight.
    std::vector<std::string> unclear{};     ///< What could not be read, and would have been needed.

    /// Idle connections that every known limit allows.
    std::uint64_t holds() const noexcept { return limits.empty() ? 0 : limits.front().allows; }
    /// Whether it holds what was asked about. Empty: some limits are not known, and the others
    /// would do.
    std::optional<bool> enough() const noexcept {
        if (holds() < wanted) return false;
        return unclear.empty() ? std::optional{true} : std::nullopt;
    }
};

/// What a machine holds with servers of this library: idle connections, by memory that was measured
/// and limits that were read. What moves needs processors and buffers beside that.
capacity capacity_of(machine const& found, capacity_question const& asked);

/// Looks whether this machine holds the connections that a server is configured for, before or
/// after it starts: for a server's log. Options need not be validated.
/// \returns a line for each limit that would end them earlier, with what changes it. None when
///          `connections_per_worker` is automatic: whoever asks for no number is promised none.
/// Any thread; reads some thirty small files. Throws nothing but std::bad_alloc.
std::vector<std::string> capacity_warnings(options const& wanted);

/// The same, for a machine that has been read already; reads nothing.
std::vector<std::string> capacity_warnings(options const& wanted, machine const& found);

} // namespace millipede
