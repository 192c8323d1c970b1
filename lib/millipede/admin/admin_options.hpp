// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace millipede {

/// Everything that can be set on an admin endpoint.
struct admin_options {
    /// Where it listens, `ADDR:PORT`; port 0 lets the system pick one. Only addresses of this
    /// machine's own loopback, unless there is a token or `open` is set.
    std::string endpoint{"127.0.0.1:0"};

    /// What has to come as `Authorization: Bearer TOKEN`: 16 to 512 printable characters without
    /// blanks. Empty: whoever can connect may ask.
    std::string token{};

    /// Listens wherever it is told to, without a token.
    bool open = false;

    /// The program's name, for those who look.
    std::string program{"millipede"};
    /// The program's version; empty: that of the library.
    std::string version{};

    /// Names by which this machine may be asked, beside `localhost` and its addresses. With a token
    /// any name will do.
    std::vector<std::string> host_names{};

    /// Connections at once, 2 to 1,024; half of them may be streams of events.
    std::uint32_t connections_max = 32;

    /// How long a request, or the sending of an answer, may take; at least 1 ms.
    std::chrono::milliseconds request_timeout = std::chrono::seconds{10};
    /// How long a connection may stay without a request; at least 1 ms.
    std::chrono::milliseconds idle_timeout = std::chrono::minutes{1};
    /// How long an event of a stream may take until the client's side has taken it; at least 1 ms.
    std::chrono::milliseconds event_timeout = std::chrono::seconds{5};
};

/// A value of the program's own: see `admin_endpoint::add_gauge`.
struct admin_value {
    /// Its name in `/metrics`: letters, digits, `_`; that of a counter ends in `_total`.
    std::string metric;
    /// What it means, in a sentence.
    std::string help;
    /// Its name in `/stats`; empty: it is not there.
    std::string field{};
};

/// How much an alarm matters.
enum class alarm_severity : std::uint8_t {
    warning,  ///< Somebody should look at it.
    critical, ///< Clients suffer.
};

} // namespace millipede
