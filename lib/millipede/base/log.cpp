// SPDX-License-Identifier: BSL-1.0
// The only file that includes Boost.Log.
#include <millipede/base/log.hpp>

#include <millipede/base/rotating_file.hpp>

#include <unistd.h>

#include <boost/date_time/posix_time/posix_time_types.hpp>
#include <boost/log/attributes/attribute_value_impl.hpp>
#include <boost/log/attributes/clock.hpp>
#include <boost/log/attributes/value_extraction.hpp>
#include <boost/log/core.hpp>
#include <boost/log/expressions.hpp>
#include <boost/log/sinks/async_frontend.hpp>
#include <boost/log/sinks/basic_sink_backend.hpp>
#include <boost/log/sources/record_ostream.hpp>
#include <boost/log/sources/severity_logger.hpp>
#include <boost/log/support/date_time.hpp>
#include <boost/make_shared.hpp>

#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace millipede {
namespace {

namespace blog = boost::log;
namespace keywords = boost::log::keywords;

constexpr std::array<std::string_view, 6> severity_names{"trace",   "debug", "info",
                                                         "warning", "error", "fatal"};

constexpr std::size_t line_bytes_max = 4'000;
constexpr std::size_t json_bytes_max = 4'096;

constexpr char facts_name[] = "MillipedeFacts";

constexpr std::int64_t no_worker = -1;
thread_local std::int64_t worker_of_thread = no_worker;

// What a JSON line or a sink tells beside severity and text.
struct line_facts {
    std::chrono::system_clock::time_point time;
    std::int64_t worker;
    std::int64_t thread;
    std::vector<log_field> fields;
};

// The record with what `text` and `facts` hold.
log_record record_of(blog::record_view const& record, std::string const& text) {
    auto level = record["Severity"].extract<severity>();
    auto facts = record[facts_name].extract<line_facts>();
    log_record whole{level ? *level : severity::info, {}, text, std::nullopt, 0, {}};
    if (!facts) return whole; // it was logged while the sink was being set up
    whole.time = facts->time;
    if (facts->worker != no_worker) whole.worker = static_cast<std::uint32_t>(facts->worker);
    whole.thread = facts->thread;
    whole.fields = facts->fields;
    return whole;
}

std::atomic<bool> sink_installed{false};
std::atomic<logging*> active_logging{nullptr};
std::atomic<std::uint64_t> lines_dropped{0};
// Lines handed to Boost.Log and not yet written. The bound is kept here, before a record is made:
// Boost.Log's own bounded queue drops without counting, and makes the record first.
std::atomic<std::uint32_t> lines_waiting{0};
std::atomic<std::uint32_t> lines_waiting_max{0};

void check(log_options const& settings) {
    if (settings.rotate_bytes < 256) throw std::invalid_argument{"log: rotate_bytes is below 256"};
    if (settings.rotated_files_max < 1) throw std::invalid_argument{"log: rotated_files_max is 0"};
    if (settings.queue_capacity < 1) throw std::invalid_argument{"log: queue_capacity is 0"};
}

/// Writes formatted lines to a rotating file or to standard error; runs on the log thread.
class line_writer
    : public blog::sinks::basic_formatted_sink_backend<char, blog::sinks::synchronized_feeding> {
  public:
    explicit line_writer(log_options const& settings) : settings_{settings} {
        if (!settings_.file.empty() && !settings_.sink)
            open(); // here and now, not on the log thread
    }

    void consume(blog::record_view const& record, std::string const& line) {
        try {
            if (settings_.sink)
                settings_.sink(record_of(record, line));
            else if (settings_.file.empty())
                std::fprintf(stderr, "%s\n", line.c_str());
            else
                write_to_file(line);
        } catch (...) {
            // The file cannot be opened again, a user's sink failed, or there is no memory: this
            // line is lost and counted, and the next one tries again.
            lines_dropped.fetch_add(1, std::memory_order_relaxed);
        }
        // Flush when nobody waits: a quiet log is up to date, a busy one is not slowed down.
        bool is_last = lines_waiting.fetch_sub(1, std::memory_order_relaxed) == 1;
        if (is_last && file_) flush();
    }

    // From another thread than the log's, which waits meanwhile.
    void reopen() {
        if (settings_.file.empty() || settings_.sink) return;
        open(); // and the former one is closed
    }

    void flush() {
        file_->flush();
        lines_dropped.fetch_add(file_->take_lost(), std::memory_order_relaxed);
    }

  private:
    void write_to_file(std::string const& line) {
        if (!file_) open();
        file_->write(std::string_view{line}.substr(0, settings_.rotate_bytes - 1));
    }

    void open() {
        try {
            auto next = std::make_unique<detail::rotating_file>(
                settings_.file, settings_.rotate_bytes, settings_.rotated_files_max);
            if (file_) flush();
            file_ = std::move(next);
        } catch (std::system_error const& failure) {
            throw log_file_error{"log file '" + settings_.file +
                                 "' cannot be opened: " + failure.code().message()};
        }
    }

    log_options settings_;
    std::unique_ptr<detail::rotating_file> file_;
};

using source_type = blog::sources::severity_logger_mt<severity>;

source_type& source() {
    static source_type instance;
    return instance;
}

void write_at_once(severity level, std::string const& text) {
    std::fprintf(stderr, "[%s] %s\n", to_string(level).data(), text.c_str());
}

bool enter_queue() noexcept {
    auto waiting = lines_waiting.fetch_add(1, std::memory_order_relaxed);
    if (waiting < lines_waiting_max.load(std::memory_order_relaxed)) return true;
    lines_waiting.fetch_sub(1, std::memory_order_relaxed);
    lines_dropped.fetch_add(1, std::memory_order_relaxed);
    return false;
}

// False when nobody takes the record.
bool push(severity level, std::string const& text, std::vector<log_field> fields) {
    auto record = source().open_record(keywords::severity = level);
    if (!record) return false;
    if (detail::log_fields_wanted.load(std::memory_order_relaxed)) {
        line_facts facts{std::chrono::system_clock::now(), worker_of_thread, ::gettid(),
                         std::move(fields)};
        record.attribute_values().insert(facts_name,
                                         blog::attributes::make_attribute_value(std::move(facts)));
    }
    blog::record_ostream stream{record};
    stream << text;
    stream.flush();
    source().push_record(std::move(record));
    return true;
}

void submit(severity level, std::string text, std::vector<log_field> fields) {
    if (text.size() > line_bytes_max) text.resize(line_bytes_max);
    if (!sink_installed.load(std::memory_order_acquire)) return write_at_once(level, text);
    if (!enter_queue()) return;
    bool pushed = false;
    try {
        pushed = push(level, text, std::move(fields));
    } catch (...) { // no memory for the record
        lines_waiting.fetch_sub(1, std::memory_order_relaxed);
        throw;
    }
    if (!pushed) lines_waiting.fetch_sub(1, std::memory_order_relaxed);
}

} // namespace

std::string_view to_string(severity level) noexcept {
    return severity_names[static_cast<std::size_t>(level)];
}

std::optional<severity> severity_of(std::string_view name) noexcept {
    for (std::size_t index = 0; index < severity_names.size(); ++index)
        if (severity_names[index] == name) return static_cast<severity>(index);
    return std::nullopt;
}

class logging::sink {
  public:
    explicit sink(log_options const& settings)
        : frontend_{boost::make_shared<frontend>(boost::make_shared<line_writer>(settings))} {
        namespace expressions = blog::expressions;
        if (settings.sink)
            frontend_->set_formatter(expressions::stream << expressions::smessage);
        else if (settings.format == log_format::json)
            format_as_json(settings);
        else
            format_as_text();
        // Whatever else the process logs by Boost.Log has its own sinks.
        frontend_->set_filter(expressions::has_attr<severity>("Severity"));
        blog::core::get()->add_sink(frontend_);
    }
    ~sink() {
        blog::core::get()->remove_sink(frontend_);
        frontend_->stop();
        frontend_->flush();
    }
    sink(sink const&) = delete;
    sink& operator=(sink const&) = delete;

    void flush() { frontend_->flush(); }
    void reopen() { frontend_->locked_backend()->reopen(); }

  private:
    void format_as_text() {
        namespace expressions = blog::expressions;
        blog::core::get()->add_global_attribute("TimeStamp", blog::attributes::local_clock{});
        frontend_->set_formatter(expressions::stream
                                 << expressions::format_date_time<boost::posix_time::ptime>(
                                        "TimeStamp", "%Y-%m-%d %H:%M:%S.%f")
                                 << " [" << expressions::attr<severity>("Severity") << "] "
                                 << expressions::smessage);
    }
    void format_as_json(log_options const& settings) {
        auto bytes_max = static_cast<std::size_t>(
            std::min<std::uint64_t>(json_bytes_max, settings.rotate_bytes - 1));
        frontend_->set_formatter(
            [bytes_max](blog::record_view const& record, blog::formatting_ostream& stream) {
                try {
                    auto text = record[blog::expressions::smessage];
                    stream << detail::json_line(record_of(record, text ? *text : std::string{}),
                                                bytes_max);
                } catch (std::bad_alloc const&) { // it must not end the log's thread
                    stream << R"({"severity":"error","message":"no memory for this line"})";
                }
            });
    }

    using frontend = blog::sinks::asynchronous_sink<line_writer>;
    boost::shared_ptr<frontend> frontend_;
};

/// For the formatter's `<< Severity`.
std::ostream& operator<<(std::ostream& stream, severity level) {
    return stream << to_string(level);
}

logging::logging(log_options const& settings) {
    if (sink_installed.load()) throw std::logic_error{"logging is active already"};
    check(settings);
    sink_ = std::make_unique<sink>(settings);
    detail::log_fields_wanted.store(settings.sink || settings.format == log_format::json);
    lines_waiting.store(0);
    lines_waiting_max.store(settings.queue_capacity);
    set_log_level(settings.level);
    active_logging.store(this);
    sink_installed.store(true, std::memory_order_release);
}

logging::~logging() {
    active_logging.store(nullptr);
    sink_installed.store(false, std::memory_order_release);
    detail::log_fields_wanted.store(false);
    sink_.reset();
}

bool logging::active() noexcept {
    return sink_installed.load(std::memory_order_acquire);
}

void logging::flush() {
    sink_->flush();
}

void logging::flush_active() {
    if (auto* active = active_logging.load()) active->flush();
}

void logging::reopen() {
    sink_->reopen();
}

void logging::reopen_active() {
    if (auto* active = active_logging.load()) active->reopen();
}

void detail::set_log_worker(std::uint32_t index) noexcept {
    worker_of_thread = index;
}

std::uint64_t log_lines_dropped() noexcept {
    return lines_dropped.load(std::memory_order_relaxed);
}

log_line::~log_line() {
    if (!text_) return;
    try {
        submit(level_, text_->str(), std::move(fields_));
    } catch (...) {
        // A line that cannot be logged must not end the program; it is counted as dropped.
        lines_dropped.fetch_add(1, std::memory_order_relaxed);
    }
}

std::optional<std::uint64_t>
log_limiter::admit(std::chrono::steady_clock::time_point now) noexcept {
    if (now >= interval_end_) {
        interval_end_ = now + interval_;
        admitted_ = 0;
    }
    if (admitted_ == burst_) {
        ++suppressed_;
        return std::nullopt;
    }
    ++admitted_;
    return std::exchange(suppressed_, 0);
}

std::optional<std::uint64_t>
log_limiter::overdue(std::chrono::steady_clock::time_point now) noexcept {
    if (now < interval_end_) return std::nullopt;
    return remaining();
}

std::optional<std::uint64_t> log_limiter::remaining() noexcept {
    if (suppressed_ == 0) return std::nullopt;
    return std::exchange(suppressed_, 0);
}

std::string suppressed_note(std::uint64_t count) {
    if (count == 0) return {};
    return " (" + std::to_string(count) + " more suppressed before)";
}

} // namespace millipede
