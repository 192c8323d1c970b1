// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/base/log.hpp>

#include <chrono>
#include <optional>

namespace millipede::detail {

/// What a worker logs because of peers, or of faults that may come again and again: by kind, so
/// that a flood of one hides no other. What is logged at `debug` somebody has asked for, all of it.
/// The worker's thread.
struct held_back_lines {
    log_limiter refusals{10, std::chrono::seconds{1}};  ///< Connections closed for what they sent.
    log_limiter failures{10, std::chrono::seconds{1}};  ///< Handlers.
    log_limiter callbacks{10, std::chrono::seconds{1}}; ///< Those beside handlers: completions.
    log_limiter requests{10, std::chrono::seconds{1}};  ///< Posted functions.
    log_limiter overflows{10, std::chrono::seconds{1}}; ///< Output that is not taken.
    log_limiter greetings{10, std::chrono::seconds{1}}; ///< PROXY headers and TLS handshakes.
    log_limiter loop{10, std::chrono::seconds{1}};      ///< The worker's loop was left.
    log_limiter adoptions{1, std::chrono::seconds{1}};  ///< Newcomers that found no place.

    /// A line for each kind of which lines were held back, and whose interval is over; at the end,
    /// without a time, for all. \throws std::bad_alloc
    void tell(std::optional<std::chrono::steady_clock::time_point> now) {
        auto one = [now](log_limiter& held_back, severity level, char const* kind) {
            auto count = now ? held_back.overdue(*now) : held_back.remaining();
            if (count)
                log(level) << kind << ": " << field("suppressed", *count) << " more suppressed";
        };
        one(refusals, warning, "refused");
        one(failures, error, "handler failed");
        one(callbacks, error, "callback failed");
        one(requests, error, "posted request failed");
        one(overflows, warning, "output full or shed");
        one(greetings, warning, "newcomers that failed to greet");
        one(loop, error, "the worker's loop was left");
        one(adoptions, error, "closed newcomers");
    }
};

} // namespace millipede::detail
