// SPDX-License-Identifier: BSL-1.0
#include "wire/address_gate.hpp"

#include <boost/test/unit_test.hpp>

#include <stdexcept>
#include <string>
#include <vector>

BOOST_AUTO_TEST_SUITE(gate)

namespace {

comet::address_gate with(std::vector<std::string> const& allowed,
                         std::vector<std::string> const& denied) {
    comet::address_gate made;
    for (auto const& each : allowed)
        made.allow(each);
    for (auto const& each : denied)
        made.deny(each);
    return made;
}

} // namespace

BOOST_AUTO_TEST_CASE(rules) {
    BOOST_TEST(with({}, {}).admits("1.2.3.4"));
    BOOST_TEST(with({}, {}).admits(""));
    BOOST_TEST(with({"1.2.3.4"}, {}).admits("1.2.3.4"));
    BOOST_TEST(!with({"1.2.3.4"}, {}).admits("1.2.3.40")); // whole addresses are compared whole
    BOOST_TEST(!with({"1.2.3.4"}, {}).admits("11.2.3.4"));
    BOOST_TEST(with({"1.2.3"}, {}).admits("1.2.30.4")); // beginnings as text
    BOOST_TEST(with({"192.168."}, {}).admits("192.168.0.1"));
    BOOST_TEST(!with({"192.168."}, {}).admits("192.16.8.1"));
    BOOST_TEST(with({"1.2"}, {"1.2.3.4"}).admits("1.2.3.4")); // allow before deny
    BOOST_TEST(!with({"all"}, {"1.2.3.4"}).admits("1.2.3.4"));
    BOOST_TEST(with({"all"}, {"1.2.3.4"}).admits("1.2.3.5"));
    BOOST_TEST(!with({"all"}, {"all"}).admits("1.2.3.4"));
    BOOST_TEST(with({"1.2.3.4"}, {"all"}).admits("1.2.3.4"));
    BOOST_TEST(!with({}, {"1.2.3.4"}).admits("1.2.3.5"));
    BOOST_TEST(with({"1.2.3.4"}, {}).admits("::ffff:1.2.3.4"));
    BOOST_TEST(!with({"1.2.3.4"}, {}).admits("::1"));
    BOOST_TEST(with({"all"}, {}).admits("::1"));
    BOOST_TEST(!with({"1.2.3.4"}, {}).admits(""));
    // icomet looked at the next entry alone, which hid such a rule.
    BOOST_TEST(with({"127.0", "127.0.0.0", "127.0.0.1"}, {}).admits("127.0.0.2"));
}

BOOST_AUTO_TEST_CASE(whether_there_are_rules) {
    BOOST_TEST(!comet::address_gate{}.has_rules());
    BOOST_TEST(with({"all"}, {}).has_rules());
    BOOST_TEST(with({}, {"1.2"}).has_rules());
}

BOOST_AUTO_TEST_CASE(what_is_no_rule) {
    for (std::string rule : {"", "me", "1.2.3.x", "::1", "All"})
        BOOST_CHECK_THROW(with({rule}, {}), std::invalid_argument);
}

BOOST_AUTO_TEST_SUITE_END()
