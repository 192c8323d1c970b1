// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace millipede {

enum class severity : std::uint8_t;

/// How lines are written.
enum class log_format : std::uint8_t {
    text, ///< `2026-11-21 23:03:48.123456 [info] the text`, in local time.
    json, ///< One JSON object per line (docs/logging.md), in UTC.
};

/// "text", "json".
std::string_view to_string(log_format format) noexcept;

/// A part of a line's text that has a name: `log(warning) << "closed " << field("peer", where);`.
/// In text lines it is the value alone; where fields are kept (JSON, a sink), it is there by its
/// name as well: a number or a truth value as such, anything else as the text that it prints.
/// Lives as long as the expression that it stands in.
template <class T>
struct field {
    /// \p title such as `peer`: short, lower case, the same wherever the same is meant.
    field(std::string_view title, T const& what) noexcept : name{title}, value{what} {}

    std::string_view name; ///< Its key.
    T const& value;        ///< What is printed.
};

/// A field as it was logged.
struct log_field {
    std::string name;     ///< Its key.
    std::string value;    ///< As text.
    bool literal = false; ///< A number or `true` or `false`, to stand in JSON without quotes.
};

/// A line as a `log_sink` gets it. What it refers to lives until the sink returns.
struct log_record {
    severity level;                             ///< How much it matters.
    std::chrono::system_clock::time_point time; ///< When it was logged.
    std::string_view message;                   ///< The whole text, in any encoding.
    std::optional<std::uint32_t> worker;        ///< On whose thread, if on a worker's.
    std::int64_t thread;                        ///< The thread's number in the system.
    std::span<log_field const> fields;          ///< Those parts of the text that have names.
};

/// Takes lines to somewhere else: a logger of the program's own. Called on the log thread, for one
/// line at a time, in the order of the queue, between the beginning of `logging` and the end of its
/// destructor. As long as it blocks, lines wait in the queue, and the rest is dropped and counted;
/// so is a line for which it throws. It must not log by `log()`: that line would come back to it.
using log_sink = std::function<void(log_record const&)>;

namespace detail {

/// The record as one JSON object, valid whatever bytes it is made of: what is not UTF-8 becomes
/// U+FFFD. Not longer than `bytes_max`, at least 255; what does not fit is cut off the message,
/// and off the fields when they take more than half. \throws std::bad_alloc
std::string json_line(log_record const& record, std::size_t bytes_max);

/// How a value is printed as a field of JSON; nothing when it is to be quoted text.
std::optional<std::string> json_literal(double value);

template <class T>
std::optional<std::string> literal_of(T const& value) {
    if constexpr (std::same_as<T, bool>)
        return value ? "true" : "false";
    else if constexpr (std::floating_point<T>)
        return json_literal(static_cast<double>(value));
    else if constexpr (std::integral<T> && !std::same_as<T, char> &&
                       !std::same_as<T, signed char> && !std::same_as<T, unsigned char>)
        return std::to_string(value);
    else
        return std::nullopt;
}

} // namespace detail
} // namespace millipede
