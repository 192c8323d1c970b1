// SPDX-License-Identifier: BSL-1.0
#include <millipede/worker/activity.hpp>

#include <boost/test/unit_test.hpp>

#include <set>
#include <string>

BOOST_AUTO_TEST_SUITE(activity)

using millipede::detail::handling;
using what = millipede::detail::activity;

BOOST_AUTO_TEST_CASE(a_command_is_named_by_its_number) {
    BOOST_TEST(describe(handling(0x6101)) == "the handler of command 0x6101");
    BOOST_TEST(describe(handling(0)) == "the handler of command 0x0000");
    BOOST_TEST(describe(handling(0xffff)) == "the handler of command 0xffff");
}

BOOST_AUTO_TEST_CASE(everything_else_has_a_name_of_its_own) {
    std::set<std::string> names;
    for (auto each :
         {what::engine, what::message, what::opening, what::closing, what::overflowing,
          what::draining, what::timing_out, what::filtering, what::request, what::function}) {
        names.insert(describe(each));
        BOOST_TEST(describe(each).find("command") == std::string::npos);
    }
    BOOST_TEST(names.size() == 10U);
}

BOOST_AUTO_TEST_SUITE_END()
