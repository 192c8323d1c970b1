// SPDX-License-Identifier: BSL-1.0
#include "settings.hpp"

#include "channels/tally.hpp"

#include <boost/test/unit_test.hpp>

#include <set>
#include <string>
#include <vector>

BOOST_AUTO_TEST_SUITE(settings)

namespace {

comet_settings read(std::vector<char const*> arguments) {
    comet_settings result;
    arguments.insert(arguments.begin(), "millipede-comet");
    BOOST_REQUIRE(
        read_comet_settings(result, static_cast<int>(arguments.size()), arguments.data()));
    return result;
}

std::vector<std::string> changes(std::vector<char const*> before, std::vector<char const*> after) {
    std::vector<std::string> lines;
    auto report = own_changes(read(std::move(before)), read(std::move(after)));
    for (auto const& each : report.applied)
        lines.push_back(each.option + " " + each.before + " -> " + each.after);
    for (auto const& each : report.need_restart)
        lines.push_back("not " + each.option + " " + each.before + " -> " + each.after);
    return lines;
}

} // namespace

BOOST_AUTO_TEST_CASE(what_has_changed) {
    using lines = std::vector<std::string>;
    BOOST_TEST(changes({"--auth", "token"}, {"--auth", "token"}) == lines{},
               boost::test_tools::per_element());
    BOOST_TEST(changes({"--max-channels", "7"}, {"--polling-timeout", "9s"}) ==
                   (lines{"max-channels 7 -> (default)", "polling-timeout (default) -> 9s"}),
               boost::test_tools::per_element());
    BOOST_TEST(changes({}, {"--front-publish", "--admin-deny", "10", "--admin-deny", "all"}) ==
                   (lines{"admin-deny (default) -> 10,all", "front-publish (default) -> true"}),
               boost::test_tools::per_element());
    BOOST_TEST(changes({"--ops", "127.0.0.1:1"}, {}) == lines{"not ops 127.0.0.1:1 -> (none)"},
               boost::test_tools::per_element());
    BOOST_TEST(
        changes({}, {"--body-max", "7", "--listen", "127.0.0.1:1", "--cors-origin", "none"}) ==
            (lines{"body-max (default) -> 7", "cors-origin (default) -> none",
                   "not listen (default) -> 127.0.0.1:1"}),
        boost::test_tools::per_element());
    // Those that all servers have are another's to compare.
    BOOST_TEST(changes({"--write-timeout", "7s"}, {"--front", "127.0.0.1:1"}) == lines{},
               boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(what_has_been_taken_up_is_no_change_any_more) {
    auto before = read({"--max-channels", "7", "--listen", "127.0.0.1:1"});
    auto wanted = read({"--max-channels", "9", "--web", "on", "--listen", "127.0.0.1:2"});
    auto now = taken_up(before, wanted);
    BOOST_TEST(now.live.channels.channels_max == 9U);
    BOOST_TEST(now.live.web);
    auto report = own_changes(now, wanted);
    BOOST_TEST(report.applied.empty());
    BOOST_REQUIRE(report.need_restart.size() == 1U);
    BOOST_TEST(report.need_restart.front().option == "listen");
    auto back = own_changes(now, before);
    BOOST_REQUIRE(back.applied.size() == 2U);
    BOOST_TEST(back.applied.front().before == "9");
    BOOST_TEST(back.applied.back().after == "(default)");
    BOOST_TEST(back.need_restart.empty());
}

BOOST_AUTO_TEST_CASE(rules_of_the_gate_in_any_order) {
    auto gate =
        read({"--admin-deny", "10.0.0.1", "--admin-allow", "all", "--admin-deny", "10.0.0.2"})
            .live.gate;
    BOOST_TEST(!gate.admits("10.0.0.1"));
    BOOST_TEST(!gate.admits("10.0.0.2"));
    BOOST_TEST(gate.admits("10.0.0.3"));
}

BOOST_AUTO_TEST_CASE(every_counter_has_a_name_and_a_meaning) {
    std::set<std::string_view> names;
    for (auto const& each : comet::tally::kinds) {
        BOOST_TEST(!each.name.empty());
        BOOST_TEST(!each.meaning.empty(), each.name);
        names.insert(each.name);
    }
    BOOST_TEST(names.size() == comet::tally::kinds.size());
}

BOOST_AUTO_TEST_SUITE_END()
