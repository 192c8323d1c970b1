// SPDX-License-Identifier: BSL-1.0
#include <millipede/worker/held_back_lines.hpp>

#include "support/captured_log.hpp"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

BOOST_AUTO_TEST_SUITE(held_back_lines)

namespace {

using namespace std::chrono_literals;
using millipede::detail::held_back_lines;

constexpr std::chrono::steady_clock::time_point start{100s};

// Thirty lines of each kind at once: how many were let through.
int thirty_of_each(held_back_lines& lines) {
    int admitted = 0;
    for (auto* each : {&lines.refusals, &lines.failures, &lines.callbacks, &lines.requests,
                       &lines.overflows, &lines.greetings, &lines.loop, &lines.adoptions})
        for (int count = 0; count < 30; ++count)
            admitted += each->admit(start).has_value() ? 1 : 0;
    return admitted;
}

} // namespace

BOOST_AUTO_TEST_CASE(each_kind_has_a_bound_of_its_own_and_says_what_was_held_back) {
    test::captured_log logs;
    held_back_lines lines;
    BOOST_TEST(thirty_of_each(lines) == 7 * 10 + 1);
    lines.tell(start + 500ms); // the second is not over
    BOOST_TEST(logs.text().empty());
    lines.tell(start + 1s);
    for (std::string_view kind :
         {"refused", "handler failed", "callback failed", "posted request failed",
          "output full or shed", "newcomers that failed to greet", "the worker's loop was left"})
        BOOST_TEST(logs.count("] " + std::string{kind} + ": 20 more suppressed\n") == 1U);
    BOOST_TEST(logs.count("] closed newcomers: 29 more suppressed\n") == 1U);
    lines.tell(start + 2s); // and no more of it
    BOOST_TEST(logs.count("suppressed") == 8U);
}

BOOST_AUTO_TEST_CASE(at_the_end_all_is_told) {
    test::captured_log logs;
    held_back_lines lines;
    thirty_of_each(lines);
    lines.tell(std::nullopt);
    BOOST_TEST(logs.count("more suppressed\n") == 8U);
}

BOOST_AUTO_TEST_SUITE_END()
