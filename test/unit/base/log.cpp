// SPDX-License-Identifier: BSL-1.0
#include <millipede/base/log.hpp>

#include "unit/support/child.hpp"

#include <boost/test/unit_test.hpp>

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <numeric>
#include <ostream>
#include <span>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

BOOST_AUTO_TEST_SUITE(logs)

using millipede::log_limiter;
using millipede::log_options;
using millipede::logging;
using millipede::severity;
using namespace std::chrono_literals;
namespace filesystem = std::filesystem;

namespace {

constexpr std::array<severity, 6> severities{severity::trace,   severity::debug, severity::info,
                                             severity::warning, severity::error, severity::fatal};

std::vector<std::string> lines_of(filesystem::path const& file) {
    std::vector<std::string> lines;
    std::ifstream stream{file};
    for (std::string line; std::getline(stream, line);)
        lines.push_back(line);
    return lines;
}

bool ends_with(std::string const& line, std::string const& end) {
    return line.size() >= end.size() &&
           line.compare(line.size() - end.size(), end.size(), end) == 0;
}

/// A directory for one test; also puts back the log level that the test changes.
struct place {
    place() {
        auto name = (filesystem::temp_directory_path() / "millipede-log-XXXXXX").string();
        if (!::mkdtemp(name.data())) throw std::runtime_error{"mkdtemp"};
        directory = name;
    }
    ~place() {
        millipede::set_log_level(severity::info);
        std::error_code ignored;
        filesystem::remove_all(directory, ignored);
    }
    place(place const&) = delete;
    place& operator=(place const&) = delete;

    log_options options() const {
        log_options settings;
        settings.file = (directory / "test.log").string();
        return settings;
    }
    std::vector<std::string> lines() const { return lines_of(directory / "test.log"); }

    /// All files, the rotated ones by number first, the one in use last.
    std::vector<std::string> files() const {
        std::vector<std::string> names;
        for (auto const& entry : filesystem::directory_iterator{directory})
            names.push_back(entry.path().filename().string());
        std::sort(names.begin(), names.end());
        auto current = std::find(names.begin(), names.end(), "test.log");
        if (current != names.end()) std::rotate(current, current + 1, names.end());
        return names;
    }

    filesystem::path directory;
};

/// Standard error goes to `descriptor` for the life of this object.
struct redirected_errors {
    explicit redirected_errors(int descriptor) : kept{::dup(STDERR_FILENO)} {
        std::fflush(stderr);
        ::dup2(descriptor, STDERR_FILENO);
    }
    ~redirected_errors() {
        std::fflush(stderr);
        ::dup2(kept, STDERR_FILENO);
        ::close(kept);
    }
    redirected_errors(redirected_errors const&) = delete;
    redirected_errors& operator=(redirected_errors const&) = delete;

    int kept;
};

// What `f` writes to standard error.
template <class F>
std::string errors_of(place const& here, F f) {
    auto path = here.directory / "errors.txt";
    auto descriptor = ::open(path.c_str(), O_CREAT | O_RDWR | O_TRUNC, 0600);
    BOOST_REQUIRE(descriptor >= 0);
    {
        redirected_errors redirected{descriptor};
        f();
    }
    ::close(descriptor);
    std::ifstream stream{path};
    return {std::istreambuf_iterator<char>{stream}, {}};
}

struct counts_its_prints {
    int* prints;
    friend std::ostream& operator<<(std::ostream& stream, counts_its_prints const& self) {
        ++*self.prints;
        return stream << "printed";
    }
};

constexpr std::size_t time_size = 26;

// The line with '0' in place of every digit of its time.
std::string shape_of(std::string line) {
    for (auto& letter : std::span{line}.first(std::min(time_size, line.size())))
        if (std::isdigit(static_cast<unsigned char>(letter)) != 0) letter = '0';
    return line;
}

// The number that a line ends with.
int number_of(std::string const& line) {
    return std::stoi(line.substr(line.rfind(' ') + 1));
}

} // namespace

BOOST_AUTO_TEST_CASE(severities_have_names) {
    std::array<std::string_view, 6> names{"trace", "debug", "info", "warning", "error", "fatal"};
    for (std::size_t index = 0; index < names.size(); ++index) {
        BOOST_TEST(to_string(severities[index]) == names[index]);
        BOOST_TEST((millipede::severity_of(names[index]) == severities[index]));
    }
    for (std::string_view unknown : {"", "Info", "INFO", "inf", "infos", "information", " info"})
        BOOST_TEST(!millipede::severity_of(unknown).has_value());
}

BOOST_AUTO_TEST_CASE(the_level_enables_itself_and_what_is_above) {
    place here;
    for (auto level : severities) {
        millipede::set_log_level(level);
        for (auto line : severities)
            BOOST_TEST(millipede::log_enabled(line) == (line >= level));
    }
}

BOOST_AUTO_TEST_CASE(a_limiter_admits_a_burst_per_interval) {
    log_limiter limiter{3, 10s};
    std::chrono::steady_clock::time_point start{100s};
    for (int line = 0; line < 3; ++line)
        BOOST_TEST(limiter.admit(start + 1s).value_or(99) == 0U);
    BOOST_TEST(!limiter.admit(start + 1s).has_value());
    BOOST_TEST(!limiter.admit(start + 10s).has_value());
    BOOST_TEST(limiter.admit(start + 11s).value_or(99) == 2U); // the interval began at 1 s
    BOOST_TEST(limiter.admit(start + 12s).value_or(99) == 0U);
    BOOST_TEST(limiter.admit(start + 13s).value_or(99) == 0U);
    BOOST_TEST(!limiter.admit(start + 14s).has_value());
    BOOST_TEST(limiter.admit(start + 21s).value_or(99) == 1U);
}

BOOST_AUTO_TEST_CASE(a_limiter_tells_once_of_what_it_suppressed_when_nobody_asks_again) {
    log_limiter limiter{1, 10s};
    std::chrono::steady_clock::time_point start{100s};
    BOOST_TEST(!limiter.overdue(start).has_value());
    BOOST_TEST(limiter.admit(start).value_or(99) == 0U);
    BOOST_TEST(!limiter.overdue(start + 20s).has_value()); // nothing was suppressed
    for (int line = 0; line < 5; ++line)
        BOOST_TEST(!limiter.admit(start + 1s).has_value());
    BOOST_TEST(!limiter.overdue(start + 9s).has_value());
    BOOST_TEST(limiter.overdue(start + 10s).value_or(99) == 5U);
    BOOST_TEST(!limiter.overdue(start + 10s).has_value());
    BOOST_TEST(limiter.admit(start + 11s).value_or(99) == 0U);
}

BOOST_AUTO_TEST_CASE(a_line_says_how_many_were_suppressed_before_it) {
    BOOST_TEST(millipede::suppressed_note(0).empty());
    BOOST_TEST(millipede::suppressed_note(3) == " (3 more suppressed before)");
}

BOOST_AUTO_TEST_CASE(a_limiter_of_zero_lines_admits_none_and_counts_all) {
    log_limiter limiter{0, 1s};
    std::chrono::steady_clock::time_point start{100s};
    BOOST_TEST(!limiter.admit(start).has_value());
    BOOST_TEST(!limiter.admit(start + 5s).has_value());
    BOOST_TEST(limiter.overdue(start + 10s).value_or(99) == 2U);
}

BOOST_AUTO_TEST_CASE(lines_without_logging_go_to_standard_error_at_once) {
    place here;
    BOOST_TEST(!logging::active());
    auto written = errors_of(here, [] {
        millipede::log(severity::info) << "online number: " << 42;
        millipede::log(severity::debug) << "not this one";
        millipede::log(severity::fatal) << 'c' << 1.5;
        millipede::log(severity::fatal);
    });
    BOOST_TEST(written == "[info] online number: 42\n[fatal] c1.5\n");
}

BOOST_AUTO_TEST_CASE(a_line_below_the_level_is_not_even_formatted) {
    place here;
    int prints = 0;
    auto written = errors_of(here, [&] {
        millipede::set_log_level(severity::error);
        millipede::log(severity::warning) << counts_its_prints{&prints};
        BOOST_TEST(prints == 0);
        millipede::log(severity::error) << counts_its_prints{&prints};
        BOOST_TEST(prints == 1);
    });
    BOOST_TEST(written == "[error] printed\n");
}

BOOST_AUTO_TEST_CASE(lines_arrive_in_the_file_in_order) {
    place here;
    {
        logging logged{here.options()};
        BOOST_TEST(logging::active());
        for (int number = 0; number < 300; ++number)
            millipede::log(severity::info) << "line " << number;
    }
    BOOST_TEST(!logging::active());
    auto lines = here.lines();
    BOOST_TEST_REQUIRE(lines.size() == 300U);
    for (int number = 0; number < 300; ++number)
        BOOST_TEST(ends_with(lines[static_cast<std::size_t>(number)],
                             " [info] line " + std::to_string(number)));
}

BOOST_AUTO_TEST_CASE(a_line_has_a_time_a_severity_and_the_text) {
    place here;
    {
        logging logged{here.options()};
        millipede::log(severity::warning) << "100 % of 'text' %s %N";
        millipede::log(severity::error) << "two\nlines";
    }
    auto lines = here.lines();
    BOOST_TEST_REQUIRE(lines.size() == 3U);
    BOOST_TEST(shape_of(lines[0]) == "0000-00-00 00:00:00.000000 [warning] 100 % of 'text' %s %N");
    BOOST_TEST(ends_with(lines[1], "[error] two"));
}

BOOST_AUTO_TEST_CASE(a_flush_waits_until_all_lines_are_written) {
    place here;
    logging logged{here.options()};
    for (std::size_t number = 1; number <= 20; ++number) {
        for (int line = 0; line < 50; ++line)
            millipede::log(severity::info) << "line";
        logged.flush();
        BOOST_TEST(here.lines().size() == number * 50);
    }
}

BOOST_AUTO_TEST_CASE(the_level_of_the_options_filters_and_can_be_changed) {
    place here;
    auto settings = here.options();
    settings.level = severity::warning;
    {
        logging logged{settings};
        millipede::log(severity::info) << "too low";
        millipede::log(severity::warning) << "first";
        millipede::set_log_level(severity::trace);
        millipede::log(severity::trace) << "second";
        millipede::set_log_level(severity::fatal);
        millipede::log(severity::error) << "too low again";
        millipede::log(severity::fatal) << "third";
    }
    auto lines = here.lines();
    BOOST_TEST_REQUIRE(lines.size() == 3U);
    BOOST_TEST(ends_with(lines[0], "[warning] first"));
    BOOST_TEST(ends_with(lines[1], "[trace] second"));
    BOOST_TEST(ends_with(lines[2], "[fatal] third"));
}

BOOST_AUTO_TEST_CASE(lines_without_a_file_go_to_standard_error) {
    place here;
    auto written = errors_of(here, [] {
        logging logged{log_options{}};
        millipede::log(severity::info) << "over here";
    });
    BOOST_TEST(ends_with(written, " [info] over here\n"));
    BOOST_TEST(written.size() > 30U); // the time stands before it
}

BOOST_AUTO_TEST_CASE(a_file_is_appended_to) {
    place here;
    for (int run = 0; run < 3; ++run) {
        logging logged{here.options()};
        millipede::log(severity::info) << "run " << run;
    }
    auto lines = here.lines();
    BOOST_TEST_REQUIRE(lines.size() == 3U);
    BOOST_TEST(ends_with(lines[0], "run 0"));
    BOOST_TEST(ends_with(lines[2], "run 2"));
    BOOST_TEST(here.files().size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_rotation_keeps_so_many_files_and_loses_no_line_within_them) {
    place here;
    auto settings = here.options();
    settings.rotate_bytes = 2'000;
    settings.rotated_files_max = 3;
    {
        logging logged{settings};
        for (int number = 0; number < 500; ++number)
            millipede::log(severity::info) << "line " << number;
    }
    auto files = here.files();
    BOOST_TEST_REQUIRE(files.size() == 4U);
    BOOST_TEST(files.back() == "test.log");
    std::vector<int> numbers;
    for (auto const& file : files) {
        BOOST_TEST(filesystem::file_size(here.directory / file) <= 2'000U);
        for (auto const& line : lines_of(here.directory / file))
            numbers.push_back(number_of(line));
    }
    BOOST_TEST_REQUIRE(numbers.size() > 100U); // some 45 lines per file
    BOOST_TEST(numbers.back() == 499);
    for (std::size_t index = 1; index < numbers.size(); ++index)
        BOOST_TEST(numbers[index] == numbers[index - 1] + 1);
}

// Boost.Log would rotate empty files for ever.
BOOST_AUTO_TEST_CASE(a_line_longer_than_a_file_is_cut) {
    place here;
    auto settings = here.options();
    settings.rotate_bytes = 256;
    {
        logging logged{settings};
        millipede::log(severity::info) << std::string(10'000, 'x');
        millipede::log(severity::info) << "after it";
    }
    auto files = here.files();
    BOOST_TEST_REQUIRE(files.size() == 2U);
    for (auto const& file : files)
        BOOST_TEST(filesystem::file_size(here.directory / file) <= 256U);
    auto lines = here.lines();
    BOOST_TEST_REQUIRE(lines.size() == 1U);
    BOOST_TEST(ends_with(lines[0], "after it"));
}

BOOST_AUTO_TEST_CASE(settings_that_cannot_work_are_refused) {
    place here;
    auto refused = [&](auto change) {
        auto settings = here.options();
        change(settings);
        BOOST_CHECK_THROW(logging{settings}, std::invalid_argument);
        BOOST_TEST(!logging::active());
    };
    refused([](auto& settings) { settings.rotate_bytes = 255; });
    refused([](auto& settings) { settings.rotated_files_max = 0; });
    refused([](auto& settings) { settings.queue_capacity = 0; });
}

BOOST_AUTO_TEST_CASE(a_per_cent_sign_in_the_name_means_nothing) {
    place here;
    auto settings = here.options();
    settings.file = (here.directory / "a%N%%b%Y.log").string();
    {
        logging logged{settings};
        millipede::log(severity::info) << "line";
    }
    BOOST_TEST((here.files() == std::vector<std::string>{"a%N%%b%Y.log"}));
}

BOOST_AUTO_TEST_CASE(the_folder_of_the_process_does_not_matter) {
    place here;
    for (auto const& folder : {filesystem::path{"/proc"}, here.directory}) {
        auto answer = millipede::test::in_child([&]() -> std::string {
            filesystem::current_path(folder);
            auto settings = here.options();
            settings.rotate_bytes = 500;
            logging logged{settings};
            for (int number = 0; number < 60; ++number) {
                if (number % 20 == 10) logged.reopen();
                millipede::log(severity::info) << "line " << number;
            }
            logged.flush();
            return "done";
        });
        BOOST_TEST(answer == "done");
    }
    auto files = here.files();
    BOOST_TEST_REQUIRE(files.size() == 9U); // and the bound of eight holds
    std::vector<int> numbers;
    for (auto const& file : files)
        for (auto const& line : lines_of(here.directory / file))
            numbers.push_back(number_of(line));
    BOOST_TEST_REQUIRE(numbers.size() > 60U); // so some are of the first run
    for (std::size_t index = 1; index < numbers.size(); ++index)
        BOOST_TEST(numbers[index] == (numbers[index - 1] + 1) % 60);
}

BOOST_AUTO_TEST_CASE(where_a_full_file_cannot_be_renamed_the_log_goes_on_in_it) {
    place here;
    auto settings = here.options();
    settings.rotate_bytes = 500;
    filesystem::create_directory(here.directory / "test.log.18446744073709551614");
    filesystem::create_directory(here.directory / "test.log.18446744073709551615"); // the last
    filesystem::create_directory(here.directory / "test.log.00000"); // no file can take its place
    auto dropped = millipede::log_lines_dropped();
    {
        logging logged{settings};
        for (int number = 0; number < 30; ++number)
            millipede::log(severity::info) << "line " << number;
    }
    BOOST_TEST(millipede::log_lines_dropped() == dropped);
    BOOST_TEST(here.lines().size() == 30U);
}

BOOST_AUTO_TEST_CASE(lines_that_find_no_room_are_counted) {
    place here;
    auto settings = here.options();
    settings.file = "/dev/full";
    auto dropped = millipede::log_lines_dropped();
    {
        logging logged{settings};
        for (int number = 0; number < 30; ++number)
            millipede::log(severity::info) << "line " << number;
        logged.flush();
        BOOST_TEST(millipede::log_lines_dropped() == dropped + 30);
    }
}

BOOST_AUTO_TEST_CASE(rotated_files_are_numbered_from_zero) {
    place here;
    auto settings = here.options();
    settings.rotate_bytes = 500;
    settings.rotated_files_max = 100;
    {
        logging logged{settings};
        for (int number = 0; number < 30; ++number)
            millipede::log(severity::info) << "line " << number;
    }
    auto files = here.files();
    BOOST_TEST_REQUIRE(files.size() >= 3U);
    BOOST_TEST(files[0] == "test.log.00000");
    BOOST_TEST(files[1] == "test.log.00001");
    int number = 0;
    for (auto const& file : files)
        for (auto const& line : lines_of(here.directory / file))
            BOOST_TEST(number_of(line) == number++);
    BOOST_TEST(number == 30);
}

BOOST_AUTO_TEST_CASE(a_second_run_goes_on_numbering_and_keeps_the_bound) {
    place here;
    auto settings = here.options();
    settings.rotate_bytes = 500;
    settings.rotated_files_max = 4;
    int number = 0;
    for (int run = 0; run < 4; ++run) {
        logging logged{settings};
        for (int line = 0; line < 23; ++line)
            millipede::log(severity::info) << "line " << number++;
    }
    auto files = here.files();
    BOOST_TEST(files.size() == 5U);
    std::vector<int> numbers;
    for (auto const& file : files)
        for (auto const& line : lines_of(here.directory / file))
            numbers.push_back(number_of(line));
    BOOST_TEST_REQUIRE(!numbers.empty());
    BOOST_TEST(numbers.back() == number - 1);
    for (std::size_t index = 1; index < numbers.size(); ++index)
        BOOST_TEST(numbers[index] == numbers[index - 1] + 1);
}

BOOST_AUTO_TEST_CASE(a_file_that_cannot_be_opened_is_refused_by_name) {
    place here;
    for (auto const& file : {here.directory / "missing" / "test.log", here.directory}) {
        log_options settings;
        settings.file = file.string();
        settings.level = severity::fatal;
        BOOST_CHECK_EXCEPTION(
            logging{settings}, std::runtime_error, [&](std::runtime_error const& why) {
                return std::string{why.what()}.find(file.string()) != std::string::npos;
            });
        BOOST_TEST(!logging::active());
        BOOST_TEST(millipede::log_enabled(severity::info)); // nothing was changed
    }
    logging logged{here.options()};
    BOOST_TEST(logging::active());
}

BOOST_AUTO_TEST_CASE(two_at_once_are_refused_and_the_first_goes_on) {
    place here;
    auto settings = here.options();
    {
        logging first{settings};
        settings.file = (here.directory / "other.log").string();
        BOOST_CHECK_THROW(logging{settings}, std::logic_error);
        BOOST_TEST(logging::active());
        millipede::log(severity::info) << "still here";
    }
    auto lines = here.lines();
    BOOST_TEST_REQUIRE(lines.size() == 1U);
    BOOST_TEST(ends_with(lines[0], "still here"));
    BOOST_TEST(!filesystem::exists(here.directory / "other.log"));
}

BOOST_AUTO_TEST_CASE(a_full_queue_drops_and_counts_and_never_waits) {
    // Standard error is a pipe that is full: the log thread writes no line before we read.
    int ends[2];
    BOOST_REQUIRE(::pipe(ends) == 0);
    ::fcntl(ends[1], F_SETFL, O_NONBLOCK);
    std::string filling(4'096, '.');
    while (::write(ends[1], filling.data(), filling.size()) > 0) {
    }
    while (::write(ends[1], filling.data(), 1) > 0) {
    }
    ::fcntl(ends[1], F_SETFL, 0);

    place here;
    log_options settings;
    settings.queue_capacity = 8;
    auto dropped_before = millipede::log_lines_dropped();
    std::string written;
    {
        redirected_errors redirected{ends[1]};
        ::close(ends[1]);
        logging logged{settings};
        for (int number = 0; number < 20; ++number)
            millipede::log(severity::info) << "line " << number;
        BOOST_TEST(millipede::log_lines_dropped() - dropped_before == 12U);
        std::thread reader{[&] {
            char buffer[4'096];
            while (written.find("the last") == std::string::npos) {
                auto got = ::read(ends[0], buffer, sizeof buffer);
                if (got <= 0) break;
                written.append(buffer, static_cast<std::size_t>(got));
            }
        }};
        logged.flush();
        millipede::log(severity::info) << "the last";
        reader.join();
    }
    ::close(ends[0]);
    written.erase(0, written.find_first_not_of('.'));
    BOOST_TEST(std::count(written.begin(), written.end(), '\n') == 9);
    for (int number = 0; number < 8; ++number)
        BOOST_TEST(written.find("line " + std::to_string(number) + "\n") != std::string::npos);
    BOOST_TEST(millipede::log_lines_dropped() - dropped_before == 12U);
}

BOOST_AUTO_TEST_CASE(what_several_threads_log_is_written_or_counted_as_dropped) {
    place here;
    auto settings = here.options();
    settings.queue_capacity = 4;
    constexpr int threads_count = 4;
    constexpr int lines_each = 500;
    auto dropped_before = millipede::log_lines_dropped();
    {
        logging logged{settings};
        std::vector<std::thread> threads;
        for (int thread = 0; thread < threads_count; ++thread)
            threads.emplace_back([thread] {
                for (int line = 0; line < lines_each; ++line)
                    millipede::log(severity::info) << "thread " << thread << " line " << line;
            });
        for (auto& thread : threads)
            thread.join();
    }
    auto lines = here.lines();
    auto dropped = millipede::log_lines_dropped() - dropped_before;
    BOOST_TEST(lines.size() + dropped == std::size_t{threads_count} * lines_each);
    BOOST_TEST(!lines.empty());

    // Whatever was written, was written whole and in the order of its thread.
    std::string const front = "0000-00-00 00:00:00.000000 [info] thread ";
    std::array<int, threads_count> last{-1, -1, -1, -1};
    for (auto const& line : lines) {
        BOOST_TEST_REQUIRE(shape_of(line).find(front) == 0U);
        auto& before = last.at(static_cast<std::size_t>(line.at(front.size()) - '0'));
        auto number = number_of(line);
        BOOST_TEST(number > before);
        before = number;
    }
}

BOOST_AUTO_TEST_CASE(a_large_queue_drops_nothing) {
    place here;
    auto dropped_before = millipede::log_lines_dropped();
    {
        logging logged{here.options()};
        std::vector<std::thread> threads;
        for (int thread = 0; thread < 4; ++thread)
            threads.emplace_back([] {
                for (int line = 0; line < 500; ++line)
                    millipede::log(severity::info) << "line";
            });
        for (auto& thread : threads)
            thread.join();
    }
    BOOST_TEST(here.lines().size() == 2'000U);
    BOOST_TEST(millipede::log_lines_dropped() == dropped_before);
}

BOOST_AUTO_TEST_CASE(a_rotation_without_descriptors_does_not_end_the_program) {
    place here;
    auto answer = millipede::test::in_child([&]() -> std::string {
        auto settings = here.options();
        settings.rotate_bytes = 500;
        logging logged{settings};
        millipede::log(severity::info) << "line";
        logged.flush();
        rlimit limit{};
        ::getrlimit(RLIMIT_NOFILE, &limit);
        rlimit none{0, limit.rlim_max};
        ::setrlimit(RLIMIT_NOFILE, &none); // what is open stays open, and nothing more opens
        for (int line = 0; line < 20; ++line)
            millipede::log(severity::info) << "line " << line;
        logged.flush();
        ::setrlimit(RLIMIT_NOFILE, &limit);
        millipede::log(severity::info) << "back again";
        logged.flush();
        auto lines = here.lines();
        return !lines.empty() && ends_with(lines.back(), "back again") ? "survived" : "silent";
    });
    BOOST_TEST(answer == "survived");
}

namespace {

// The numbers that the lines of all files of `here` end with, sorted.
std::vector<int> numbers_in(place const& here) {
    std::vector<int> numbers;
    for (auto const& file : here.files())
        for (auto const& line : lines_of(here.directory / file))
            numbers.push_back(number_of(line));
    std::sort(numbers.begin(), numbers.end());
    return numbers;
}

bool each_once(std::vector<int> const& numbers, int count) {
    std::vector<int> wanted(static_cast<std::size_t>(count));
    std::iota(wanted.begin(), wanted.end(), 0);
    return numbers == wanted;
}

} // namespace

BOOST_AUTO_TEST_CASE(a_renamed_file_is_let_go_when_the_log_is_reopened) {
    place here;
    logging logged{here.options()};
    auto file = here.directory / "test.log";
    millipede::log(severity::info) << "line 0";
    logged.flush();
    filesystem::rename(file, here.directory / "test.log.1");
    millipede::log(severity::info) << "line 1";
    logged.flush();
    BOOST_TEST(lines_of(here.directory / "test.log.1").size() == 2U);
    BOOST_TEST(!filesystem::exists(file));
    logging::reopen_active();
    BOOST_TEST(filesystem::exists(file)); // at once, before any line
    millipede::log(severity::info) << "line 2";
    logged.flush();
    BOOST_TEST(lines_of(here.directory / "test.log.1").size() == 2U);
    BOOST_TEST(lines_of(file).size() == 1U);
    logging::reopen_active(); // nobody has renamed it
    millipede::log(severity::info) << "line 3";
    logged.flush();
    BOOST_TEST(lines_of(file).size() == 2U);
    BOOST_TEST(each_once(numbers_in(here), 4));
}

BOOST_AUTO_TEST_CASE(a_log_that_cannot_be_reopened_goes_on_in_the_former_file) {
    place here;
    auto settings = here.options();
    filesystem::create_directory(here.directory / "sub");
    settings.file = (here.directory / "sub" / "test.log").string();
    logging logged{settings};
    millipede::log(severity::info) << "line 0";
    logged.flush();
    filesystem::rename(here.directory / "sub", here.directory / "moved");
    BOOST_CHECK_THROW(logged.reopen(), millipede::log_file_error);
    millipede::log(severity::info) << "line 1";
    logged.flush();
    BOOST_TEST(lines_of(here.directory / "moved" / "test.log").size() == 2U);
    filesystem::create_directory(here.directory / "sub");
    logged.reopen();
    millipede::log(severity::info) << "line 2";
    logged.flush();
    BOOST_TEST(lines_of(here.directory / "sub" / "test.log").size() == 1U);
}

BOOST_AUTO_TEST_CASE(reopening_without_a_file_or_without_logging_does_nothing) {
    place here;
    logging::reopen_active();
    auto written = errors_of(here, [] {
        logging logged{log_options{}};
        logged.reopen();
        millipede::log(severity::info) << "over here";
    });
    BOOST_TEST(ends_with(written, " [info] over here\n"));
}

BOOST_AUTO_TEST_CASE(a_rotation_that_meets_a_renamed_file_loses_no_line) {
    place here;
    auto settings = here.options();
    settings.rotate_bytes = 256;
    settings.rotated_files_max = 50;
    auto dropped = millipede::log_lines_dropped();
    {
        logging logged{settings};
        for (int number = 0; number < 100; ++number) {
            millipede::log(severity::info) << "line " << number;
            logged.flush();
            if (number % 10 == 9) // by somebody who has not told us yet
                filesystem::rename(here.directory / "test.log",
                                   here.directory / ("moved." + std::to_string(number)));
        }
    }
    BOOST_TEST(millipede::log_lines_dropped() == dropped);
    BOOST_TEST(each_once(numbers_in(here), 100));
}

BOOST_AUTO_TEST_CASE(no_line_is_lost_or_doubled_while_the_log_is_reopened) {
    place here;
    auto settings = here.options();
    settings.rotate_bytes = 20'000; // it rotates by itself meanwhile
    settings.rotated_files_max = 100;
    settings.queue_capacity = 100'000;
    constexpr int lines_each = 3'000;
    constexpr int threads = 3;
    {
        logging logged{settings};
        std::vector<std::thread> writers;
        for (int writer = 0; writer < threads; ++writer)
            writers.emplace_back([writer] {
                for (int line = 0; line < lines_each; ++line)
                    millipede::log(severity::info) << "line " << writer * lines_each + line;
            });
        for (int times = 0; times < 100; ++times) {
            std::error_code ignored; // there may be none just after a rotation
            filesystem::rename(here.directory / "test.log",
                               here.directory / ("moved." + std::to_string(times)), ignored);
            logged.reopen();
        }
        for (auto& writer : writers)
            writer.join();
    }
    BOOST_TEST(each_once(numbers_in(here), lines_each * threads));
}

BOOST_AUTO_TEST_SUITE_END()
