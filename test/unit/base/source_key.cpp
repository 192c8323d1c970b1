// SPDX-License-Identifier: BSL-1.0
#include <millipede/base/source_key.hpp>

#include <boost/test/unit_test.hpp>

BOOST_AUTO_TEST_SUITE(source_key)

namespace {

millipede::detail::source_key key_of(char const* address) {
    return millipede::detail::source_key{boost::asio::ip::make_address(address)};
}

bool same(char const* first, char const* second) {
    return key_of(first) == key_of(second);
}

} // namespace

BOOST_AUTO_TEST_CASE(every_ipv4_address_is_a_source) {
    BOOST_TEST(same("192.0.2.1", "192.0.2.1"));
    BOOST_TEST(!same("192.0.2.1", "192.0.2.2"));
    BOOST_TEST(!same("192.0.2.1", "193.0.2.1"));
    BOOST_TEST(key_of("255.255.255.255").known());
}

BOOST_AUTO_TEST_CASE(an_ipv6_source_is_the_first_half_of_its_address) {
    BOOST_TEST(same("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff"));
    BOOST_TEST(!same("2001:db8:1:2::1", "2001:db8:1:3::1"));
    BOOST_TEST(!same("2001:db8:1:2::1", "3001:db8:1:2::1"));
    BOOST_TEST(key_of("2001:db8::").bits() == 0x20010db8'00000000U);
}

BOOST_AUTO_TEST_CASE(an_ipv4_address_mapped_into_ipv6_is_the_ipv4_address) {
    BOOST_TEST(same("::ffff:192.0.2.1", "192.0.2.1"));
    BOOST_TEST(!same("::ffff:192.0.2.1", "::ffff:192.0.2.2"));
}

BOOST_AUTO_TEST_CASE(loopback_sources_are_known_and_differ) {
    BOOST_TEST(key_of("::1").known());
    BOOST_TEST(!same("::1", "127.0.0.1"));
    BOOST_TEST(!same("127.0.0.1", "127.0.0.2"));
}

BOOST_AUTO_TEST_CASE(nobody_in_particular_is_not_known) {
    millipede::detail::source_key nobody;
    BOOST_TEST(!nobody.known());
    BOOST_TEST((nobody == millipede::detail::source_key{}));
    BOOST_TEST((nobody != key_of("::1")));
}

BOOST_AUTO_TEST_SUITE_END()
