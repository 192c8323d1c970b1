// SPDX-License-Identifier: BSL-1.0
// Faults that come again and again fill no disk: so many lines of a kind, and how many were not.
#include "support/captured_log.hpp"
#include "support/running_server.hpp"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <cstddef>
#include <stdexcept>

BOOST_AUTO_TEST_SUITE(repeated_faults)

namespace {

using namespace std::chrono_literals;
using clock_type = std::chrono::steady_clock;
using test::eventually;

// Ten a second, in as many seconds as have begun since.
std::size_t lines_max(clock_type::time_point begin) {
    auto seconds = std::chrono::ceil<std::chrono::seconds>(clock_type::now() - begin);
    return 10 * (static_cast<std::size_t>(seconds.count()) + 1);
}

} // namespace

BOOST_AUTO_TEST_CASE(functions_of_every_that_fail) {
    test::captured_log logs;
    auto begin = clock_type::now();
    test::running_server<> host{test::clients_stay()};
    host.server.every(1ms, [] { throw std::runtime_error{"on purpose"}; });
    host.start();
    BOOST_TEST(eventually([&] { return host.server.metrics().callback_failures > 100; }));
    BOOST_TEST(logs.count("a function of every() failed: on purpose") >= 1U);
    BOOST_TEST(logs.count("a function of every() failed: on purpose") <= lines_max(begin));
    BOOST_TEST(logs.says(" more suppressed before)"));
}

BOOST_AUTO_TEST_SUITE_END()
