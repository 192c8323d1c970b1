// SPDX-License-Identifier: BSL-1.0
// Lines as JSON: whatever a line is made of, a reader finds one valid object in it.
#include <millipede/base/log.hpp>
#include <millipede/base/log_record.hpp>

#include "support/folder.hpp"
#include "unit/support/seed.hpp"

#include <boost/json/src.hpp>
#include <boost/test/unit_test.hpp>

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <limits>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

BOOST_AUTO_TEST_SUITE(log_record)

namespace {

using millipede::field;
using millipede::log_field;
using millipede::logging;
using namespace std::chrono_literals;
using namespace std::string_view_literals;
namespace json = boost::json;

constexpr std::size_t much = 4'096;
constexpr std::string_view replaced{"\xef\xbf\xbd"};

// 2026-11-21 23:03:48.000123 UTC.
constexpr std::chrono::system_clock::time_point moment{1'795'302'228s + 123us};

std::string line_of(std::string_view message, std::vector<log_field> const& fields = {},
                    std::size_t bytes_max = much) {
    return millipede::detail::json_line(
        {millipede::warning, moment, message, std::nullopt, 77, fields}, bytes_max);
}

json::object parsed(std::string const& line) {
    return json::parse(line).as_object();
}

std::string message_of(std::string_view message) {
    return json::value_to<std::string>(parsed(line_of(message)).at("message"));
}

std::string repeated(std::string_view text, int times) {
    std::string all;
    for (int count = 0; count < times; ++count)
        all += text;
    return all;
}

std::string random_bytes(std::mt19937_64& dice, std::size_t size_max) {
    // Half of them of a kind that UTF-8 and JSON make something of.
    constexpr auto special = "\"\\\n\r\t\0\x1f\x7f\xc2\x9b\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"
                             "\xed\xa0\x80\xf4\x90\xc0\xff{}[]:,u"sv;
    std::string text(dice() % (size_max + 1), ' ');
    for (auto& letter : text)
        letter = dice() % 2 == 0 ? static_cast<char>(dice()) : special[dice() % special.size()];
    return text;
}

std::vector<std::string> lines_of(std::string const& file) {
    std::vector<std::string> lines;
    std::ifstream stream{file};
    for (std::string line; std::getline(stream, line);)
        lines.push_back(line);
    return lines;
}

} // namespace

BOOST_AUTO_TEST_CASE(a_line_is_an_object_with_its_time_in_utc) {
    BOOST_TEST(line_of("the text") ==
               "{\"time\":\"2026-11-21T23:03:48.000123Z\",\"severity\":\"warning\","
               "\"message\":\"the text\",\"thread\":77}");
}

BOOST_AUTO_TEST_CASE(fields_stand_by_their_names_numbers_as_numbers) {
    std::vector<log_field> fields{{"peer", "1.2.3.4:5", false}, {"bytes", "-12", true}};
    auto line = millipede::detail::json_line({millipede::info, moment, "x", 3U, 77, fields}, much);
    auto found = parsed(line);
    BOOST_TEST(found.at("worker").as_int64() == 3);
    BOOST_TEST((found.at("peer").as_string() == "1.2.3.4:5"));
    BOOST_TEST(found.at("bytes").as_int64() == -12);
}

BOOST_AUTO_TEST_CASE(each_key_stands_once) {
    std::vector<log_field> fields{{"message", "no", false}, {"worker", "9", true},
                                  {"peer", "first", false}, {"peer", "second", false},
                                  {"time", "no", false},    {"thread", "main", false},
                                  {"", "nameless", false}};
    auto line =
        millipede::detail::json_line({millipede::info, moment, "yes", 3U, 77, fields}, much);
    auto found = parsed(line);
    BOOST_TEST((found.at("message").as_string() == "yes"));
    BOOST_TEST(found.at("worker").as_int64() == 9);
    BOOST_TEST((found.at("peer").as_string() == "first"));
    BOOST_TEST((found.at("thread").as_string() == "main"));
    BOOST_TEST(found.at("cut").as_bool()); // the one without a name is nowhere
    BOOST_TEST(found.size() == 7U);
    for (std::string_view key : {"\"message\":", "\"worker\":", "\"peer\":", "\"thread\":"})
        BOOST_TEST((line.find(key) == line.rfind(key)));
}

BOOST_AUTO_TEST_CASE(what_cannot_stand_in_a_line_is_escaped) {
    std::string all{"\"quoted\" back\\slash \n\r\t\b\f \x1b[31m \x7f \xc2\x9b tab"};
    all.push_back('\0');
    auto line = line_of(all);
    for (char letter : line)
        BOOST_TEST_REQUIRE((letter < 0 || (letter >= 0x20 && letter != 0x7f)));
    BOOST_TEST((line.find("\xc2\x9b") == std::string::npos)); // a terminal's CSI in one character
    BOOST_TEST((message_of(all) == all));
    std::string foreign{"gr\xc3\xbc\xc3\x9f \xe4\xbd\xa0\xe5\xa5\xbd \xf0\x9f\x98\x80"};
    BOOST_TEST((line_of(foreign).find(foreign) != std::string::npos));
    BOOST_TEST((message_of(foreign) == foreign));
}

BOOST_AUTO_TEST_CASE(what_is_not_utf8_is_replaced) {
    struct {
        std::string_view bytes;
        int replacements;
    } const cases[]{{"\x80", 1},
                    {"\xff", 1},
                    {"\xc0\xaf", 2},
                    {"\xc1\xbf", 2}, // overlong
                    {"\xe0\x9f\xbf", 3},
                    {"\xf0\x8f\xbf\xbf", 4}, // the same
                    {"\xed\xa0\x80", 3},
                    {"\xed\xbf\xbf", 3}, // halves of a pair
                    {"\xf4\x90\x80\x80", 4},
                    {"\xf5\x80\x80\x80", 4}, // beyond U+10FFFF
                    {"\xe2\x82", 2},
                    {"\xc3", 1}}; // the rest is missing
    for (auto const& each : cases)
        BOOST_TEST((message_of("a" + std::string{each.bytes} + "b") ==
                    "a" + repeated(replaced, each.replacements) + "b"));
    for (std::string_view edge :
         {"\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80", "\xef\xbf\xbf",
          "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"})
        BOOST_TEST((message_of(edge) == edge));
}

BOOST_AUTO_TEST_CASE(a_line_that_is_too_long_is_cut_and_says_so) {
    for (std::string_view unit : {"x", "\x01", "\"", "\xe2\x82\xac", "\xff"}) {
        auto line = line_of(repeated(unit, 5'000), {{"peer", "1.2.3.4:5", false}});
        BOOST_TEST(line.size() <= much);
        BOOST_TEST(line.size() > much - 8);
        auto found = parsed(line);
        BOOST_TEST(found.at("cut").as_bool());
        BOOST_TEST((found.at("peer").as_string() == "1.2.3.4:5"));
    }
    BOOST_TEST(!parsed(line_of("short")).contains("cut"));
}

BOOST_AUTO_TEST_CASE(fields_leave_room_for_the_message) {
    std::vector<log_field> fields{{"reason", std::string(9'000, 'r'), false},
                                  {"bytes", "123456", true}};
    auto line = line_of("what it is about", fields);
    BOOST_TEST(line.size() <= much);
    auto found = parsed(line);
    BOOST_TEST((found.at("message").as_string() == "what it is about"));
    BOOST_TEST(found.at("reason").as_string().size() > 1'900U);
    BOOST_TEST(found.at("cut").as_bool());
    BOOST_TEST(parsed(line_of("m", {{std::string(200, 'n'), "1", true}}, 255)).at("cut").as_bool());
}

BOOST_AUTO_TEST_CASE(whatever_bytes_there_are_the_line_is_valid) {
    auto seed = millipede::test::random_seed();
    std::mt19937_64 dice{seed};
    BOOST_TEST_CONTEXT("seed " << seed) {
        for (int round = 0; round < 20'000; ++round) {
            std::vector<log_field> fields;
            for (auto count = dice() % 4; count > 0; --count)
                fields.push_back({random_bytes(dice, 20), random_bytes(dice, 200), false});
            auto message = random_bytes(dice, 300);
            auto bytes_max = 255 + dice() % 1'000;
            auto line = line_of(message, fields, bytes_max);
            BOOST_TEST_REQUIRE(line.size() <= bytes_max);
            json::error_code failure;
            auto found = json::parse(line, failure);
            BOOST_TEST_REQUIRE(!failure, line);
            BOOST_TEST_REQUIRE((line.find('\n') == std::string::npos));
            auto whole = !found.as_object().contains("cut");
            auto text = json::value_to<std::string>(found.at("message"));
            if (whole) BOOST_TEST_REQUIRE((message_of(text) == text)); // there is no more to mend
        }
    }
}

BOOST_AUTO_TEST_CASE(values_that_json_has_no_quotes_for) {
    using millipede::detail::literal_of;
    BOOST_TEST(literal_of(true).value() == "true");
    BOOST_TEST(literal_of(-5).value() == "-5");
    BOOST_TEST(literal_of(UINT64_MAX).value() == "18446744073709551615");
    BOOST_TEST(std::stod(literal_of(0.1).value()) == 0.1);
    BOOST_TEST(!literal_of(std::numeric_limits<double>::quiet_NaN()).has_value());
    BOOST_TEST(!literal_of(std::numeric_limits<float>::infinity()).has_value());
    BOOST_TEST(!literal_of('5').has_value());
    BOOST_TEST(!literal_of(std::string{"5"}).has_value());
}

BOOST_AUTO_TEST_CASE(a_file_of_json_lines) {
    test::folder here;
    auto file = here / "test.log";
    auto before = std::chrono::system_clock::now();
    {
        logging logged{{.file = file, .format = millipede::log_format::json}};
        log(millipede::info) << "one " << field("bytes", 12) << " of "
                             << field("peer", std::string{"a\"b"});
        std::thread{[] {
            millipede::detail::set_log_worker(5);
            log(millipede::error) << std::hex << field("command", 0x6101) << "\ntwo";
        }}.join();
        log(millipede::debug) << "below " << field("level", 1);
    }
    auto lines = lines_of(file);
    BOOST_TEST_REQUIRE(lines.size() == 2U);
    auto first = parsed(lines[0]);
    BOOST_TEST((first.at("message").as_string() == "one 12 of a\"b"));
    BOOST_TEST(first.at("bytes").as_int64() == 12);
    BOOST_TEST((first.at("peer").as_string() == "a\"b"));
    BOOST_TEST(first.at("thread").as_int64() == ::gettid());
    BOOST_TEST(!first.contains("worker"));
    auto second = parsed(lines[1]);
    BOOST_TEST((second.at("message").as_string() == "6101\ntwo"));
    BOOST_TEST(second.at("command").as_int64() == 0x6101);
    BOOST_TEST(second.at("worker").as_int64() == 5);
    BOOST_TEST((second.at("severity").as_string() == "error"));
    std::time_t seconds = std::chrono::system_clock::to_time_t(before);
    std::tm utc{};
    ::gmtime_r(&seconds, &utc);
    std::string day(10, ' ');
    std::strftime(day.data(), day.size() + 1, "%Y-%m-%d", &utc);
    bool midnight = utc.tm_hour == 23 && utc.tm_min == 59; // and the next day begins meanwhile
    BOOST_TEST((midnight || first.at("time").as_string().starts_with(day + "T")));
}

BOOST_AUTO_TEST_CASE(json_lines_fit_into_the_smallest_file) {
    test::folder here;
    auto file = here / "test.log";
    {
        logging logged{{.file = file,
                        .rotate_bytes = 256,
                        .rotated_files_max = 50,
                        .format = millipede::log_format::json}};
        for (int number = 0; number < 20; ++number)
            log(millipede::warning)
                << field("number", number) << std::string(1'000, '"') << field("peer", "somebody");
    }
    std::vector<int> numbers;
    for (auto const& entry : std::filesystem::directory_iterator{here / ""})
        for (auto const& line : lines_of(entry.path().string())) {
            BOOST_TEST(line.size() < 256U);
            numbers.push_back(static_cast<int>(parsed(line).at("number").as_int64()));
        }
    std::sort(numbers.begin(), numbers.end());
    BOOST_TEST_REQUIRE(numbers.size() == 20U);
    for (int number = 0; number < 20; ++number)
        BOOST_TEST(numbers[static_cast<std::size_t>(number)] == number);
}

BOOST_AUTO_TEST_CASE(a_text_line_has_the_values_of_fields_where_they_stand) {
    test::folder here;
    auto file = here / "test.log";
    {
        logging logged{{.file = file}};
        log(millipede::info) << "closed " << field("peer", "1.2.3.4:5") << " after "
                             << field("bytes", 7) << " bytes";
    }
    auto lines = lines_of(file);
    BOOST_TEST_REQUIRE(lines.size() == 1U);
    BOOST_TEST((lines[0].substr(26) == " [info] closed 1.2.3.4:5 after 7 bytes"));
}

BOOST_AUTO_TEST_CASE(a_sink_gets_the_lines_in_place_of_the_file) {
    test::folder here;
    struct line {
        millipede::severity level;
        std::string text;
        std::string fields;
        std::chrono::system_clock::time_point time;
    };
    std::vector<line> lines; // of the log thread, until the end of logging
    auto file = here / "test.log";
    auto before = std::chrono::system_clock::now();
    {
        logging logged{
            {.file = file, .sink = [&](millipede::log_record const& record) {
                 std::string fields;
                 for (auto const& each : record.fields)
                     fields += each.name + '=' + each.value + ';';
                 lines.push_back({record.level, std::string{record.message}, fields, record.time});
             }}};
        for (int number = 0; number < 500; ++number)
            log(millipede::warning) << "line " << field("number", number) << field("even", 0 == 1);
        logged.flush();
        BOOST_TEST(lines.size() == 500U);
        logged.reopen(); // there is nothing to open
    }
    BOOST_TEST(!std::filesystem::exists(file));
    BOOST_TEST_REQUIRE(lines.size() == 500U);
    BOOST_TEST(lines[499].text == "line 4990");
    BOOST_TEST(lines[499].fields == "number=499;even=false;");
    BOOST_TEST((lines[499].level == millipede::warning));
    BOOST_TEST((lines[0].time >= before && lines[0].time <= lines[499].time));
}

BOOST_AUTO_TEST_CASE(a_line_for_which_the_sink_throws_is_dropped_and_counted) {
    int taken = 0;
    auto dropped = millipede::log_lines_dropped();
    {
        logging logged{{.sink = [&](millipede::log_record const& record) {
            if (record.message == "bad") throw std::runtime_error{"no"};
            ++taken;
        }}};
        for (int count = 0; count < 10; ++count) {
            log(millipede::info) << "bad";
            log(millipede::info) << "good";
        }
    }
    BOOST_TEST(taken == 10);
    BOOST_TEST(millipede::log_lines_dropped() - dropped == 10U);
}

BOOST_AUTO_TEST_SUITE_END()
