// SPDX-License-Identifier: BSL-1.0
#include <millipede/wire/line.hpp>

#include "support/codec_reader.hpp"

#include <boost/test/unit_test.hpp>

#include <stdexcept>
#include <string>

BOOST_AUTO_TEST_SUITE(line)

using millipede::errc;
using millipede::line_codec;
using millipede::line_ending;
using test::conversation;
using test::encoded;
using test::read_whole;
using test::reads_the_same_cut_anywhere;
using namespace std::string_literals;

namespace {

line_codec codec_of(line_ending ending, std::uint32_t size_max = 64) {
    return line_codec{{.size_max = size_max, .ending = ending}};
}

} // namespace

BOOST_AUTO_TEST_CASE(lf_alone_ends_a_line_and_cr_is_text) {
    auto stream = "one\n\ntwo\r\n\r\r\nlast\0zero\n"s + "rest";
    conversation expected{{"one", "", "two\r", "\r\r", "last\0zero"s}, {}};
    BOOST_TEST((read_whole(codec_of(line_ending::lf), stream) == expected));
    BOOST_TEST(reads_the_same_cut_anywhere(codec_of(line_ending::lf), stream, expected));
}

BOOST_AUTO_TEST_CASE(cr_lf_ends_a_line_and_either_alone_is_text) {
    auto stream = "one\r\n\r\ntwo\nthree\rfour\r\r\n\n\r\n"s;
    conversation expected{{"one", "", "two\nthree\rfour\r", "\n"}, {}};
    BOOST_TEST((read_whole(codec_of(line_ending::crlf), stream) == expected));
    BOOST_TEST(reads_the_same_cut_anywhere(codec_of(line_ending::crlf), stream, expected));
}

BOOST_AUTO_TEST_CASE(either_ending_is_taken_for_one) {
    auto stream = "one\r\ntwo\n\r\n\nthree\r\r\nfo\rur\n"s;
    conversation expected{{"one", "two", "", "", "three\r", "fo\rur"}, {}};
    BOOST_TEST((read_whole(codec_of(line_ending::either), stream) == expected));
    BOOST_TEST(reads_the_same_cut_anywhere(codec_of(line_ending::either), stream, expected));
}

BOOST_AUTO_TEST_CASE(the_longest_line_is_read_and_a_longer_one_refused) {
    struct trial {
        line_ending ending;
        char const* bytes;
    };
    for (auto [ending, bytes] : {trial{line_ending::lf, "\n"}, trial{line_ending::crlf, "\r\n"},
                                 trial{line_ending::either, "\r\n"}}) {
        auto codec = codec_of(ending, 8);
        auto longest = std::string(8 - std::string_view{bytes}.size(), 'x');
        conversation expected{{longest, longest}, {}};
        auto stream = longest + bytes + longest + bytes;
        BOOST_TEST(reads_the_same_cut_anywhere(codec, stream, expected));

        expected = {{longest}, errc::bad_size};
        stream = longest + bytes + longest + "x" + bytes + longest + bytes;
        BOOST_TEST((read_whole(codec, stream) == expected));
        BOOST_TEST(reads_the_same_cut_anywhere(codec, stream, expected));
    }
}

BOOST_AUTO_TEST_CASE(a_line_without_end_is_refused_as_soon_as_it_is_too_long) {
    auto codec = codec_of(line_ending::lf, 8);
    BOOST_TEST((read_whole(codec, "1234567") == conversation{}));
    BOOST_TEST((read_whole(codec, "12345678") == conversation{{}, errc::bad_size}));
}

BOOST_AUTO_TEST_CASE(what_is_sent_ends_as_lines_do_here) {
    BOOST_TEST(encoded(codec_of(line_ending::lf), "a line"s) == "a line\n");
    BOOST_TEST(encoded(codec_of(line_ending::crlf), "a line"s) == "a line\r\n");
    BOOST_TEST(encoded(codec_of(line_ending::either), "a line"s) == "a line\r\n");
    BOOST_TEST(encoded(codec_of(line_ending::lf), std::span<std::byte const>{}) == "\n");
    BOOST_TEST(encoded(codec_of(line_ending::lf), millipede::as_bytes("bytes")) == "bytes\n");
}

BOOST_AUTO_TEST_CASE(what_is_sent_is_read_the_same) {
    for (auto ending : {line_ending::lf, line_ending::crlf, line_ending::either})
        for (auto const& text : {""s, "text"s, "cr\r"s, "\r"s, "\0"s}) {
            auto codec = codec_of(ending);
            BOOST_TEST((read_whole(codec, encoded(codec, text)) == conversation{{text}, {}}));
        }
}

BOOST_AUTO_TEST_CASE(a_line_with_an_ending_in_it_is_not_sent) {
    BOOST_CHECK_THROW(encoded(codec_of(line_ending::lf), "a\nb"s), std::invalid_argument);
    BOOST_CHECK_THROW(encoded(codec_of(line_ending::either), "a\nb"s), std::invalid_argument);
    BOOST_CHECK_THROW(encoded(codec_of(line_ending::crlf), "a\r\nb"s), std::invalid_argument);
    BOOST_TEST(encoded(codec_of(line_ending::crlf), "a\nb"s) == "a\nb\r\n");
}

BOOST_AUTO_TEST_CASE(a_line_that_is_too_long_is_not_sent) {
    BOOST_TEST(encoded(codec_of(line_ending::lf, 8), "1234567"s) == "1234567\n");
    BOOST_CHECK_THROW(encoded(codec_of(line_ending::lf, 8), "12345678"s), std::length_error);
    BOOST_CHECK_THROW(encoded(codec_of(line_ending::crlf, 8), "1234567"s), std::length_error);
    // As it came, and was taken.
    BOOST_TEST(encoded(codec_of(line_ending::either, 8), "1234567"s) == "1234567\n");
    BOOST_CHECK_THROW(encoded(codec_of(line_ending::either, 8), "123456\r"s), std::length_error);
    BOOST_CHECK_THROW(encoded(codec_of(line_ending::either, 8), "12345678"s), std::length_error);
}

BOOST_AUTO_TEST_CASE(limits_have_limits) {
    BOOST_CHECK_THROW(codec_of(line_ending::lf, 1), std::invalid_argument);
    BOOST_CHECK_THROW(codec_of(line_ending::lf, 65'537), std::invalid_argument);
    BOOST_TEST(codec_of(line_ending::lf, 2).size_max() == 2U);
    BOOST_TEST(codec_of(line_ending::lf, 65'536).size_max() == 65'536U);
    BOOST_TEST(line_codec{}.size_max() == 8'192U);
}

BOOST_AUTO_TEST_SUITE_END()
