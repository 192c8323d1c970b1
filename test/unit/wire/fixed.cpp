// SPDX-License-Identifier: BSL-1.0
#include <millipede/wire/fixed.hpp>

#include "support/codec_reader.hpp"

#include <boost/test/unit_test.hpp>

#include <stdexcept>
#include <string>

BOOST_AUTO_TEST_SUITE(fixed)

using millipede::fixed_codec;
using test::conversation;
using test::encoded;
using test::read_whole;
using test::reads_the_same_cut_anywhere;
using namespace std::string_literals;

BOOST_AUTO_TEST_CASE(every_message_has_its_size) {
    auto stream = "abcdefgh\0\0\0\0ij"s;
    conversation expected{{"abcd", "efgh", "\0\0\0\0"s}, {}};
    BOOST_TEST((read_whole(fixed_codec{4}, stream) == expected));
    BOOST_TEST(reads_the_same_cut_anywhere(fixed_codec{4}, stream, expected));
}

BOOST_AUTO_TEST_CASE(one_byte_is_a_message_too) {
    conversation expected{{"a", "b", "c"}, {}};
    BOOST_TEST(reads_the_same_cut_anywhere(fixed_codec{1}, "abc", expected));
}

BOOST_AUTO_TEST_CASE(only_its_size_is_sent) {
    BOOST_TEST(encoded(fixed_codec{4}, "abcd"s) == "abcd");
    BOOST_TEST(encoded(fixed_codec{4}, millipede::as_bytes("abcd")) == "abcd");
    for (auto const& text : {""s, "abc"s, "abcde"s})
        BOOST_CHECK_THROW(encoded(fixed_codec{4}, text), std::length_error);
}

BOOST_AUTO_TEST_CASE(sizes_have_limits) {
    BOOST_CHECK_THROW(fixed_codec{0}, std::invalid_argument);
    BOOST_CHECK_THROW(fixed_codec{(1U << 30) + 1}, std::invalid_argument);
    BOOST_TEST(fixed_codec{1U << 30}.size_max() == 1U << 30);
}

BOOST_AUTO_TEST_SUITE_END()
