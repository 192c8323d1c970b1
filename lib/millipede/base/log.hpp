// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <millipede/base/log_record.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace millipede {

/// How much a line matters. Nothing is logged per connection above `debug`.
enum class severity : std::uint8_t { trace, debug, info, warning, error, fatal };
using enum severity;

std::string_view to_string(severity level) noexcept;
/// The severity of that name, if there is one.
std::optional<severity> severity_of(std::string_view name) noexcept;

/// A log file that cannot be opened.
class log_file_error : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

/// Where log lines go, and which.
struct log_options {
    /// Lines below it are not even formatted.
    severity level = severity::info;

    /// Where lines go, a path; empty: standard error.
    std::string file{};

    /// A file that would grow beyond this size is renamed to `<file>.00000` and counting; at least
    /// 256. Lines are cut to this length, and to 4 KiB ...
    std::uint64_t rotate_bytes = std::uint64_t{64} * 1024 * 1024;
    /// ... and so many renamed files are kept; at least 1.
    std::uint32_t rotated_files_max = 8;

    /// Lines that may wait for the log thread, at least 1; more are dropped and counted. A thread
    /// that logs never waits for the disk.
    std::uint32_t queue_capacity = 8'192;

    /// How lines look in the file or on standard error.
    log_format format = log_format::text;

    /// Takes the lines in place of the file and of standard error, if there is one.
    log_sink sink{};
};

/// Switches logging on for the life of this object: lines go through a bounded queue to a thread
/// of their own (Boost.Log's asynchronous sink), which writes and rotates. The destructor writes
/// what waits; by then, other threads have ceased to log. At most one exists at a time. Without
/// one, lines go to standard error at once. A file that cannot be written to later on loses lines,
/// which are counted as dropped, until it can be opened again.
/// \throws log_file_error; std::invalid_argument for settings out of their limits.
class logging {
  public:
    /// Begins to write as the settings say.
    explicit logging(log_options const& settings);
    ~logging();
    logging(logging const&) = delete;
    logging& operator=(logging const&) = delete;

    /// Whether one exists. Any thread.
    static bool active() noexcept;

    /// Waits until all lines logged so far are written. Any thread.
    void flush();

    /// The same for the one that exists, if one does.
    static void flush_active();

    /// Closes the log file and opens the one of that name anew, or makes it: for who has renamed
    /// it, as logrotate does. No line is lost or written twice; those that wait go to the new file.
    /// Without a file it does nothing. Any thread, though it opens a file; a server with
    /// `options::handle_signals` does it on SIGHUP. \throws log_file_error; then lines go on to
    /// where they went.
    void reopen();

    /// The same for the one that exists, if one does.
    static void reopen_active();

  private:
    class sink;
    std::unique_ptr<sink> sink_;
};

namespace detail {
inline std::atomic<severity> log_level{severity::info};
/// Whether anybody wants to have fields by their names.
inline std::atomic<bool> log_fields_wanted{false};
/// What this thread logs is a worker's, from now on.
void set_log_worker(std::uint32_t index) noexcept;
} // namespace detail

/// Any thread; takes effect at once.
inline void set_log_level(severity level) noexcept {
    detail::log_level.store(level, std::memory_order_relaxed);
}

/// The severity from which lines are written. Any thread.
inline severity get_log_level() noexcept {
    return detail::log_level.load(std::memory_order_relaxed);
}

/// Whether a line of this severity would be written: one relaxed load. Test it before building an
/// expensive line on a worker thread.
inline bool log_enabled(severity level) noexcept {
    return level >= detail::log_level.load(std::memory_order_relaxed);
}

/// Lines dropped since the start because the queue was full.
std::uint64_t log_lines_dropped() noexcept;

/// One line in the making; written when it goes out of scope. Made by `log()`.
class log_line {
  public:
    /// Enabled or not is decided here.
    explicit log_line(severity level) : level_{level}, enabled_{log_enabled(level)} {}
    ~log_line();
    log_line(log_line const&) = delete;
    log_line& operator=(log_line const&) = delete;

    /// Adds to the line, as to a stream.
    template <class T>
    log_line&& operator<<(T const& value) && {
        if (enabled_) text() << value;
        return static_cast<log_line&&>(*this);
    }
    /// \overload
    template <class T>
    log_line&& operator<<(field<T> const& named) && {
        if (!enabled_) return static_cast<log_line&&>(*this);
        auto begin = text().view().size();
        text() << named.value;
        if (detail::log_fields_wanted.load(std::memory_order_relaxed)) {
            auto literal = detail::literal_of(named.value);
            bool is_literal = literal.has_value();
            fields_.push_back(
                {std::string{named.name},
                 is_literal ? std::move(*literal) : std::string{text().view().substr(begin)},
                 is_literal});
        }
        return static_cast<log_line&&>(*this);
    }

  private:
    std::ostringstream& text() {
        if (!text_) text_.emplace();
        return *text_;
    }

    severity level_;
    bool enabled_;
    std::optional<std::ostringstream> text_;
    std::vector<log_field> fields_;
};

/// `log(info) << "online number: " << n;` Any thread, never blocks on the disk.
inline log_line log(severity level) {
    return log_line{level};
}

/// Lets some lines of one kind through per interval and counts the rest, so that an attacker
/// cannot fill a disk. One thread.
class log_limiter {
  public:
    /// At most `burst` lines per `interval`.
    log_limiter(std::uint32_t burst, std::chrono::steady_clock::duration interval) noexcept
        : burst_{burst}, interval_{interval} {}

    /// Whether this line may be written now; if so, how many were suppressed before it.
    std::optional<std::uint64_t> admit(std::chrono::steady_clock::time_point now) noexcept;

    /// The lines suppressed and not yet told of, if the interval is over; forgets them.
    std::optional<std::uint64_t> overdue(std::chrono::steady_clock::time_point now) noexcept;

    /// The same at the end, whatever the time.
    std::optional<std::uint64_t> remaining() noexcept;

  private:
    std::uint32_t burst_;
    std::chrono::steady_clock::duration interval_;
    std::chrono::steady_clock::time_point interval_end_{};
    std::uint32_t admitted_ = 0;
    std::uint64_t suppressed_ = 0;
};

/// What a line that was admitted says about those before it: " (3 more suppressed before)", or
/// nothing when there were none.
std::string suppressed_note(std::uint64_t count);

} // namespace millipede
