// SPDX-License-Identifier: BSL-1.0
#include <millipede/wire/raw.hpp>

#include "support/codec_reader.hpp"

#include <boost/test/unit_test.hpp>

#include <stdexcept>
#include <string>

BOOST_AUTO_TEST_SUITE(raw)

using millipede::raw_codec;
using test::conversation;
using test::encoded;
using test::read_whole;
using namespace std::string_literals;

BOOST_AUTO_TEST_CASE(whatever_comes_is_a_message) {
    BOOST_TEST((read_whole(raw_codec{}, "any\nthing\0"s) == conversation{{"any\nthing\0"s}, {}}));
    BOOST_TEST((read_whole(raw_codec{}, "") == conversation{}));
}

BOOST_AUTO_TEST_CASE(pieces_come_as_they_were_cut) {
    auto stream = "abcdef"s;
    for (std::size_t at = 1; at < stream.size(); ++at) {
        conversation expected{{stream.substr(0, at), stream.substr(at)}, {}};
        BOOST_TEST((test::read_cut(raw_codec{}, stream, at) == expected));
    }
}

BOOST_AUTO_TEST_CASE(no_piece_is_larger_than_the_limit) {
    BOOST_TEST((read_whole(raw_codec{3}, "abcdefgh") == conversation{{"abc", "def", "gh"}, {}}));
    BOOST_TEST((read_whole(raw_codec{1}, "ab") == conversation{{"a", "b"}, {}}));
}

BOOST_AUTO_TEST_CASE(anything_is_sent_as_it_stands) {
    BOOST_TEST(encoded(raw_codec{1}, "longer"s) == "longer");
    BOOST_TEST(encoded(raw_codec{}, millipede::as_bytes("bytes")) == "bytes");
    BOOST_TEST(encoded(raw_codec{}, std::span<std::byte const>{}).empty());
}

BOOST_AUTO_TEST_CASE(pieces_have_limits) {
    BOOST_CHECK_THROW(raw_codec{0}, std::invalid_argument);
    BOOST_CHECK_THROW(raw_codec{(1U << 30) + 1}, std::invalid_argument);
    BOOST_TEST(raw_codec{}.size_max() == 65'536U);
}

BOOST_AUTO_TEST_SUITE_END()
