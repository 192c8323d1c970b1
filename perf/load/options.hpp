// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "target.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace load {

enum class run_mode { hold, echo, rate, churn, subscribe };
std::string_view name(run_mode mode);

// none: closed by the kernel, when the process has ended.
enum class close_kind { reset, finish, mixed, none };
std::string_view name(close_kind kind);

// frame: docs/protocol.md; raw: whatever is sent comes back, byte by byte.
enum class codec_kind { frame, raw };
std::string_view name(codec_kind kind);

struct options {
    run_mode mode = run_mode::hold;
    codec_kind codec = codec_kind::frame;
    target server;

    std::uint32_t connections = 100;
    std::uint32_t concurrency = 256; // connects and logins in progress, in all
    double open_rate = 0;            // per second, in all; 0: as fast as possible
    bool login = true;
    close_kind closing = close_kind::reset;

    std::uint32_t size_bytes = 64;
    std::uint32_t depth = 1;
    double rate = 0;            // per second, in all; 0: closed loop
    std::uint64_t requests = 0; // in all; 0: as many as fit into the duration

    std::uint32_t churn_per_second = 0;
    std::uint32_t sends_per_second = 0;
    bool settle = false;
    std::uint32_t samples = 0; // per round of mode hold, in all

    std::uint32_t threads = 1;
    std::uint32_t sources = 1;
    std::chrono::nanoseconds duration{std::chrono::seconds{10}};
    std::chrono::nanoseconds drain{std::chrono::seconds{10}};
    std::chrono::nanoseconds deadline{};
    std::uint64_t errors_max = 100;
    std::uint64_t seed = 1;

    std::uint32_t magic = 0x8eb6'9af7;
    std::uint16_t command = 0x6102;
    std::uint16_t login_command = 0x6101;
    std::uint16_t login_uid_base = 1;

    // Of mode subscribe.
    std::string path{"/sub?cname=c{n}&seq={seq}"};
    std::string counted{"\"type\":\"data\""}; // stands once in each message
    std::vector<std::string> fields;          // of requests, lines without their ends
    std::uint32_t channels = 1;               // {n} is one of 0 to this
    std::uint32_t first_sequence = 1;
    std::uint64_t messages = 0; // end once everybody has had so many; 0: after the duration
    std::chrono::nanoseconds retry{std::chrono::seconds{1}}; // behind a reply without a message
    std::chrono::nanoseconds spin{}; // so long after the last event it does not sleep
    bool arrivals = false;           // rounds end when the last message comes to this machine
    bool awaits_head = true;         // else a connection counts as open when it has asked

    int observed = 0; // a process's id; 0: none
    bool marks = false;
    bool json = false;
    bool progress = false;
};

// Empty after --help or --version, which it answers itself. Throws std::exception with a sentence
// for everything that is wrong with the command line or with the limits of this process.
std::optional<options> parse_options(int argument_count, char const* const* arguments);

} // namespace load
